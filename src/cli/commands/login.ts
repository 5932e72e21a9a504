import type { Command } from 'commander'
import { createClient, unwrap } from '../../client/index.ts'
import {
  checkUrl,
  connect,
  findAccount,
  findLoginUrl,
  forgetAccount,
  keepAccount,
  pathOfKept,
} from '../account.ts'
import { CommandError } from '../exit.ts'
import { print, printJson, say } from '../output.ts'
import { askFor, askForPassword } from '../read-password.ts'

export function addLoginCommands(program: Command): void {
  program
    .command('login')
    .summary('log in, and keep the token for the other commands')
    .description('Log in on a server. The password is asked for, or read from standard input.')
    .argument('[url]', 'of the server; the one you used last, else http://127.0.0.1:8000')
    .option('-u, --username <name>', 'asked for when it is absent')
    .addHelpText(
      'after',
      `
Examples:
  clusters login https://clusters.example.org
  clusters login -u alice < password.txt

Scripts need no login: they set CLUSTERS_URL, and CLUSTERS_TOKEN to what "clusters tokens create" prints.`,
    )
    .action((url: string | undefined, { username }: { username?: string }) => logIn(url, username))
  program
    .command('logout')
    .summary('revoke the token, and forget it')
    .description('Revoke the token that "clusters login" has kept, and forget it.')
    .action(logOut)
  program
    .command('whoami')
    .summary('show who you are, and what you use of your quota')
    .description('Show who you are, on which server, and what you use of your quota.')
    .option('--json', 'as JSON', false)
    .action(showMe)
}

const LOOPBACK = /^(localhost|127\.[\d.]+|\[::1\])$/

async function logIn(typed: string | undefined, given: string | undefined): Promise<void> {
  const url = typed ?? findLoginUrl()
  checkUrl(url)
  const { hostname, protocol } = new URL(url)
  if (protocol === 'http:' && !LOOPBACK.test(hostname)) {
    say(`Mind that ${hostname} is asked over plain HTTP: whoever is on the way can read your password.`)
  }
  const username = given ?? (await askFor(`User name on ${url}: `))
  const password = await askForPassword(username)
  const client = createClient({ url })
  const { auth_token: token } = unwrap(await client.login(username, password))
  const path = keepAccount({ url: client.url, token })
  say(`You are logged in as ${username} on ${client.url}. The token is kept in ${path}.`)
}

async function logOut(): Promise<void> {
  const { url, token } = findAccount()
  if (process.env['CLUSTERS_TOKEN'] !== undefined) {
    throw new CommandError('CLUSTERS_TOKEN is set: revoke that token with "clusters tokens delete".')
  }
  if (token === undefined) {
    say('You are not logged in.')
    return
  }
  const result = await createClient({ url, token }).logout()
  // It is dead already: that is what was wanted.
  if (!result.ok && result.problem.status !== 401) unwrap(result)
  forgetAccount()
  say(`You are logged out of ${url}; ${pathOfKept()} is gone.`)
}

async function showMe({ json }: { json: boolean }): Promise<void> {
  const client = connect()
  const me = unwrap(await client.getMe())
  if (json) {
    printJson({ ...me, url: client.url })
    return
  }
  const role = me.is_administrator ? ', an administrator' : ''
  print(`${me.username}${role} (id ${me.id}) on ${client.url}`)
  const rows = [
    ['clusters', me.used.clusters, me.quota.clusters],
    ['CPUs', me.used.cpus, me.quota.cpus],
    ['GiB', me.used.memory_gib, me.quota.memory_gib],
  ] as const
  for (const [name, used, allowed] of rows) print(`${used} of ${allowed ?? 'unlimited'} ${name} in use`)
}
