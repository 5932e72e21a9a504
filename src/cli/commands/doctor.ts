import { Option, type Command } from 'commander'
import { createClient, type Offer } from '../../client/index.ts'
import { findAccount } from '../account.ts'
import { examples } from '../examples.ts'
import { Exit, EXIT } from '../exit.ts'
import { paint, print, printJson } from '../output.ts'

interface Finding {
  readonly check: string
  readonly state: 'ok' | 'note' | 'wrong'
  /** What was found, and how to mend it. */
  readonly message: string
}

export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .summary('look what is wrong, and how to mend it')
    .description('Look what is wrong with this set-up, and how to mend it. Fails when something is.')
    .option('--json', 'as JSON', false)
    .option(
      '--engine <name>',
      "on the server's machine, with its settings: try out slurm or local with workers of its own",
    )
    // What is killed in the middle of its work.
    .addOption(new Option('--launching <ids>').hideHelp())
    .addHelpText('after', examples('doctor', 'doctor --engine slurm'))
    .action(examine)
}

interface Options {
  readonly json: boolean
  readonly engine?: string
  readonly launching?: string
}

async function examine({ json, engine, launching }: Options): Promise<void> {
  if (engine !== undefined && launching !== undefined) {
    const { launchForCheck } = await import('../../operate.ts')
    await launchForCheck(process.env, engine, launching.split(','))
  }
  const findings: Finding[] = []
  for await (const finding of engine === undefined ? findAll() : tryOut(engine)) {
    findings.push(finding)
    if (!json) print(`${SIGNS[finding.state]()} ${finding.check}: ${finding.message}`)
  }
  if (json) printJson(findings)
  if (findings.some(({ state }) => state === 'wrong')) throw new Exit(EXIT.failed)
}

const SIGNS = {
  ok: () => paint('green', 'ok   '),
  note: () => paint('yellow', 'note '),
  wrong: () => paint('red', 'wrong'),
} as const

async function* tryOut(engine: string): AsyncGenerator<Finding> {
  const { examineEngine } = await import('../../operate.ts')
  const again = [process.execPath, process.argv[1] ?? '', 'doctor', '--engine', engine, '--launching']
  yield* examineEngine(process.env, engine, again)
}

async function* findAll(): AsyncGenerator<Finding> {
  const { url, token } = findAccount()
  const client = createClient(token === undefined ? { url } : { url, token })
  const ready = await client.getReadiness()
  if (!ready.ok) {
    const { type, detail } = ready.problem
    const how =
      type === 'unreachable'
        ? `${detail} Start one here with "clusters serve", or name another: clusters login https://...`
        : `${detail} Its operator finds why in its log.`
    yield { check: 'server', state: 'wrong', message: how }
    return
  }
  yield { check: 'server', state: 'ok', message: `${url} answers, and so does its database.` }

  if (token === undefined) {
    yield { check: 'login', state: 'wrong', message: 'You are not logged in. Log in with "clusters login".' }
    return
  }
  const me = await client.getMe()
  if (!me.ok) {
    yield { check: 'login', state: 'wrong', message: `${me.problem.detail} Log in with "clusters login".` }
    return
  }
  yield { check: 'login', state: 'ok', message: `You are ${me.data.username}, and the token is valid.` }
  const offer = await client.getOffer()
  if (!offer.ok) yield { check: 'engine', state: 'wrong', message: offer.problem.detail }
  else yield* findInOffer(offer.data)
}

function* findInOffer({ engine, largest_worker: largest, enforced, runtimes }: Offer): Generator<Finding> {
  if (engine === 'none') {
    const message = 'The server launches nothing: its operator has set CLUSTERS_ENGINE=none.'
    yield { check: 'engine', state: 'wrong', message }
    return
  }
  if (enforced === null) {
    const message = `The engine ${engine} has not answered yet; its operator finds why in the log of the server.`
    yield { check: 'engine', state: 'wrong', message }
    return
  }
  const size = `${largest.cpus} CPUs and ${largest.memory} GiB`
  yield { check: 'engine', state: 'ok', message: `${engine}; a worker may have up to ${size}.` }
  const loose = [...(enforced.cpus ? [] : ['CPUs']), ...(enforced.memory ? [] : ['memory'])]
  yield loose.length === 0
    ? { check: 'limits', state: 'ok', message: 'Workers are held to their CPUs and memory.' }
    : {
        check: 'limits',
        state: 'note',
        message: `Nothing holds a worker to its ${loose.join(' and ')}; docs/local.md says what the server needs for that.`,
      }
  for (const { name, available, message } of runtimes) {
    yield available
      ? { check: `runtime ${name}`, state: 'ok', message: 'can run here.' }
      : { check: `runtime ${name}`, state: 'note', message: message ?? 'cannot run here.' }
  }
}
