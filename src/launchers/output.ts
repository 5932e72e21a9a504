import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { errorCodeOf } from '../lib/error-code.ts'
import type { LogOptions } from './launcher.ts'

const CHUNK_BYTES = 64 * 1024
const POLL_MS = 100

/** A worker's output, and how far it was cut at its beginning meanwhile. */
export interface Output {
  readonly path: string
  /** What is kept of it; more is there only until it is cut. */
  readonly mostBytes: number
  /** Bytes that were cut off so far, since this server began. */
  readonly countCut: () => number
  /** Reading and cutting take turns. */
  readonly inTurn: <Result>(work: () => Promise<Result>) => Promise<Result>
  /** Whether nothing more will come; read before the file is, so that the last of it is not missed. */
  readonly hasEnded: () => boolean | Promise<boolean>
}

/**
 * The bytes of an output, from its beginning or so many lines before its end; with `follow`, on until it has ended
 * or the signal aborts. Yields nothing where there is no file.
 */
export async function* readOutput(output: Output, options: LogOptions): AsyncGenerator<Uint8Array> {
  const file = await openRegular(output.path)
  if (typeof file === 'string') {
    if (file !== '') yield Buffer.from(`clusters: ${file}\n`)
    return
  }
  try {
    yield* readOpened(file, output, options)
  } finally {
    await file.close()
  }
}

async function* readOpened(
  file: FileHandle,
  output: Output,
  options: LogOptions,
): AsyncGenerator<Uint8Array> {
  const { follow = false, signal } = options
  const span = await output.inTurn(async () => {
    const { size } = await file.stat()
    const start = await findTail(file, { size, mostBytes: output.mostBytes }, options)
    // Counted from before all cuts, so that a cut neither repeats nor loses anything. Without follow there is an
    // end: a worker that never stops writing must not keep a reader for ever.
    return { read: output.countCut() + start, most: follow ? Infinity : output.countCut() + size }
  })
  while (!signal.aborted && span.read < span.most) {
    const hasEnded = await output.hasEnded()
    const chunk = await output.inTurn(async () => {
      const position = await findPosition(file, span.read - output.countCut())
      const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, span.most - span.read))
      const { bytesRead } = await file.read(buffer, 0, buffer.length, position)
      span.read = output.countCut() + position + bytesRead
      return buffer.subarray(0, bytesRead)
    })
    if (chunk.length > 0) yield chunk
    else if (!follow || hasEnded) return
    else await sleep(POLL_MS, undefined, { signal }).catch(() => undefined)
  }
}

/** Somebody else may have emptied the file: then from its beginning. What was cut away is lost. */
async function findPosition(file: FileHandle, position: number): Promise<number> {
  if (position <= 0) return 0
  return position > (await file.stat()).size ? 0 : position
}

/**
 * Refuses what a worker of the same user may have put in its place: to follow a link would read elsewhere, to open
 * a pipe would wait for ever. Gives the file, or why not; empty when there is none.
 */
async function openRegular(path: string): Promise<FileHandle | string> {
  let file: FileHandle
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    const code = errorCodeOf(error)
    if (code === 'ENOENT') return ''
    return code === 'ELOOP' || code === 'ENXIO' ? NOT_A_FILE : `the output cannot be read (${code})`
  }
  if ((await file.stat()).isFile()) return file
  await file.close()
  return NOT_A_FILE
}

/**
 * The first bytes of a file that a worker may have put something else in the place of, as text; empty when there is none.
 */
export async function readStart(path: string, bytes: number): Promise<string> {
  const file = await openRegular(path)
  if (typeof file === 'string') return ''
  try {
    const buffer = Buffer.alloc(bytes)
    const { bytesRead } = await file.read(buffer, 0, bytes, 0)
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await file.close()
  }
}

const NOT_A_FILE = 'the output is no file any more: the worker has put something else in its place'

const NEWLINE = 10

/**
 * Where the last lines begin, or that many bytes. The end of the file ends a line, also without a newline. Never looks
 * further back than what is kept: a worker can make a file of any size at once, with no line in it.
 */
async function findTail(
  file: FileHandle,
  { size, mostBytes }: { readonly size: number; readonly mostBytes: number },
  { tailLines, tailBytes = Infinity, signal }: LogOptions,
): Promise<number> {
  if (tailLines === undefined) return Math.max(0, size - tailBytes)
  if (tailLines <= 0) return size
  const first = Math.max(0, size - Math.min(tailBytes, mostBytes))
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
  let left = tailLines
  let end = size
  while (end > first && !signal.aborted) {
    const start = Math.max(first, end - CHUNK_BYTES)
    const { bytesRead } = await file.read(buffer, 0, end - start, start)
    if (bytesRead < end - start) return start
    for (let index = bytesRead - 1; index >= 0; index -= 1) {
      if (buffer[index] !== NEWLINE || start + index === size - 1) continue
      left -= 1
      if (left === 0) return start + index + 1
    }
    end = start
  }
  return end
}

/**
 * Cuts an output that is over `mostBytes` down to its last half, from the beginning of a line on. The worker goes
 * on writing to the same file, which it has opened to append. Gives how many bytes were cut off its beginning.
 */
export async function cutOutput(
  path: string,
  mostBytes: number,
  onCut: (bytes: number) => void,
): Promise<void> {
  let file: FileHandle
  try {
    file = await open(path, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch {
    return
  }
  try {
    const stats = await file.stat()
    if (!stats.isFile() || stats.size <= mostBytes) return
    const from = await findLineStart(file, stats.size - Math.floor(mostBytes / 2))
    let copied = 0
    // What the worker writes meanwhile comes along; one that writes faster than we copy loses some.
    for (let end = stats.size, rounds = 0; rounds < 3 && from + copied < end; rounds += 1) {
      copied += await copyDown(file, from + copied, copied, end)
      end = (await file.stat()).size
    }
    await file.truncate(copied)
    onCut(from)
  } finally {
    await file.close()
  }
}

async function copyDown(file: FileHandle, from: number, to: number, end: number): Promise<number> {
  const buffer = Buffer.allocUnsafe(1024 * 1024)
  let copied = 0
  while (from + copied < end) {
    const { bytesRead } = await file.read(
      buffer,
      0,
      Math.min(buffer.length, end - from - copied),
      from + copied,
    )
    if (bytesRead === 0) break
    await file.write(buffer, 0, bytesRead, to + copied)
    copied += bytesRead
  }
  return copied
}

async function findLineStart(file: FileHandle, position: number): Promise<number> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
  const { bytesRead } = await file.read(buffer, 0, buffer.length, position)
  const newline = buffer.subarray(0, bytesRead).indexOf(NEWLINE)
  // Lines as long as that need not be whole.
  return newline === -1 ? position : position + newline + 1
}
