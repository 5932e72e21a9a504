import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { OperatorError } from '../domain/errors.ts'

/**
 * A new password: asked for twice without showing it on a terminal, else the first line of standard input.
 * Never from the arguments, which every user of the machine can list.
 */
export async function readNewPassword(username: string): Promise<string> {
  if (!process.stdin.isTTY) return await readFirstLine()
  const password = await ask(`Password for ${username}: `)
  if (password !== (await ask('The same again: '))) throw new OperatorError('The two passwords differ.')
  return password
}

/** The password of a login: asked for once, else the first line of standard input. */
export async function askForPassword(username: string): Promise<string> {
  return process.stdin.isTTY ? await ask(`Password of ${username}: `) : await readFirstLine()
}

/** Something that may be seen while it is typed. Throws where nobody can be asked. */
export async function askFor(question: string): Promise<string> {
  if (!process.stdin.isTTY)
    throw new OperatorError('There is no terminal to ask for the user name: add --username.')
  const readline = createInterface({ input: process.stdin, output: process.stderr })
  return await new Promise((resolve, reject) => {
    readline.question(question, answer => {
      resolve(answer)
      readline.close()
    })
    readline.once('close', () => {
      reject(new OperatorError('Nothing was changed.'))
    })
  })
}

async function readFirstLine(): Promise<string> {
  for await (const line of createInterface({ input: process.stdin })) return line
  throw new OperatorError('There is no password on standard input.')
}

function ask(question: string): Promise<string> {
  process.stderr.write(question)
  // Without an output of its own, readline would echo what is typed.
  const nowhere = new Writable({
    write: (_chunk, _encoding, done) => {
      done()
    },
  })
  const readline = createInterface({ input: process.stdin, output: nowhere, terminal: true })
  return new Promise((resolve, reject) => {
    readline.once('SIGINT', () => {
      readline.close()
    })
    readline.question('', answer => {
      resolve(answer)
      readline.close()
    })
    // After an answer, or without one by Ctrl-C or Ctrl-D.
    readline.once('close', () => {
      process.stderr.write('\n')
      reject(new OperatorError('Nothing was changed.'))
    })
  })
}
