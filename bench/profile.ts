import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { SourceMap, type SourceMapPayload } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

interface Node {
  readonly id: number
  readonly callFrame: CallFrame
  readonly children?: readonly number[]
}

interface CallFrame {
  readonly functionName: string
  readonly url: string
  /** Both from 0. */
  readonly lineNumber: number
  readonly columnNumber: number
}

interface Profile {
  readonly nodes: readonly Node[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

/** Where a process with `--cpu-prof` writes, and what it says as a table. */
export class ProfileFolder {
  readonly #folder = mkdtempSync(join(tmpdir(), 'clusters-profile-'))

  get nodeArgs(): string[] {
    return ['--cpu-prof', `--cpu-prof-dir=${this.#folder}`]
  }

  /** Self time by place, without idling and the start; after the process has ended. */
  render(): string {
    const files = readdirSync(this.#folder).map(name => join(this.#folder, name))
    const [largest = ''] = files.toSorted((a, b) => statSync(b).size - statSync(a).size)
    const profile = JSON.parse(readFileSync(largest, 'utf8')) as Profile
    rmSync(this.#folder, { recursive: true })
    const shares = shareByPlace(profile)
    const rows = shares.slice(0, 14).map(([place, share]) => `| ${place} | ${(share * 100).toFixed(1)} % |`)
    return ['| place | share |', '|---|---:|', ...rows].join('\n')
  }
}

function shareByPlace({ nodes, samples, timeDeltas }: Profile): [string, number][] {
  const byId = new Map(nodes.map(node => [node.id, node]))
  const parents = new Map(
    nodes.flatMap(node => (node.children ?? []).map(child => [child, node.id] as const)),
  )
  const isLoading = (id: number): boolean => {
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      if (/modules\/(cjs|esm)/.test(byId.get(at)?.callFrame.url ?? '')) return true
    }
    return false
  }
  const times = new Map<string, number>()
  let total = 0
  samples.forEach((id, index) => {
    const node = byId.get(id)
    if (node === undefined || node.callFrame.functionName === '(idle)' || isLoading(id)) return
    const time = timeDeltas[index] ?? 0
    const place = placeOf(node)
    times.set(place, (times.get(place) ?? 0) + time)
    total += time
  })
  return [...times]
    .map(([place, time]): [string, number] => [place, time / total])
    .toSorted((a, b) => b[1] - a[1])
}

function placeOf({ callFrame }: Node): string {
  const { functionName, url } = callFrame
  if (url.startsWith('node:')) return `Node: \`${url.replace('node:', '').split('/').slice(0, 2).join('/')}\``
  if (functionName === 'writev') return 'the socket, in the kernel (`writev`)'
  const source = url.startsWith('file:') ? findSource(callFrame) : undefined
  if (source === undefined) return functionName
  const [, dependency] = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(source) ?? []
  if (dependency !== undefined) return dependency
  const [, own] = /\/src\/(.+?)\.ts$/.exec(source) ?? []
  if (own === 'database/sqlite') return 'SQLite (`database/sqlite`)'
  return own === undefined ? functionName : `ours: \`${own.split('/')[0]}\``
}

const maps = new Map<string, SourceMap | undefined>()

/** Where a place in the bundle came from; the file itself when it is none of the bundle's. */
function findSource({ url, lineNumber, columnNumber }: CallFrame): string | undefined {
  const path = fileURLToPath(url)
  if (!maps.has(path)) {
    const mapPath = `${path}.map`
    const isBundle = existsSync(mapPath)
    const payload = isBundle ? (JSON.parse(readFileSync(mapPath, 'utf8')) as SourceMapPayload) : undefined
    maps.set(path, payload && new SourceMap(payload))
  }
  const map = maps.get(path)
  if (map === undefined) return path
  const entry = map.findEntry(lineNumber, columnNumber)
  return 'originalSource' in entry ? entry.originalSource : undefined
}
