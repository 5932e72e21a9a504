import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type {
  EngineView,
  Launcher,
  LogOptions,
  ObservedWorker,
  WorkerSpec,
} from '../../src/launchers/launcher.ts'
import { HOSTILE_ARGUMENTS, HOSTILE_VARIABLES, parseVariables } from './hostile.ts'
import { newWorkerId } from './worker-ids.ts'

/** One engine, on which launchers are opened. */
export interface ContractEngine {
  /** Opened twice for the same home, both have the same workers. */
  open(home: string): Promise<Launcher>
  /** Long enough for anything to happen here that will. */
  readonly patienceMs: number
  cleanUp(): Promise<void>
}

type State = ObservedWorker['state']

/** src/launchers/launcher.ts, in the form of tests; the same for every launcher. */
export function describeLauncherContract(
  engineName: string,
  /** Whether workers are real programs; a fake's only pretend. */
  { runsPrograms }: { runsPrograms: boolean },
  setUp: () => Promise<ContractEngine>,
): void {
  describe(`the launcher contract on ${engineName}`, () => {
    let engine: ContractEngine
    let launcher: Launcher
    const opened: Launcher[] = []
    const launched: string[] = []

    beforeAll(async () => {
      engine = await setUp()
      launcher = await open('one')
    })
    afterAll(async () => {
      await clear(launcher, launched)
      for (const each of opened) await each.close()
      await engine.cleanUp()
    })

    async function open(home: string): Promise<Launcher> {
      const other = await engine.open(home)
      opened.push(other)
      return other
    }

    function spec(command: readonly string[], changes: Partial<WorkerSpec> = {}): WorkerSpec {
      const id = newWorkerId()
      return {
        ...{ id, clusterId: 1, role: 'worker', index: 0, size: { cpus: 1, memory: 0.25 }, command },
        ...{ runtime: 'command', lifetimeSeconds: null, files: {} },
        ...changes,
        environment: { CLUSTER_WORKER_ID: id, ...changes.environment },
      }
    }

    async function launch(...specs: WorkerSpec[]): Promise<string[]> {
      const ids = specs.map(({ id }) => id)
      launched.push(...ids)
      const outcomes = await launcher.launch(specs)
      expect(outcomes, 'an outcome for each').toEqual(specs.map(() => ({ kind: 'asked' })))
      return ids
    }

    /** Looks until all of them are in such a state; gives them in that order. */
    async function waitFor(kind: State['kind'], ids: readonly string[], from = launcher) {
      const view = await waitUntil(from, ids, each => ids.every(id => stateOf(each, id)?.kind === kind))
      return ids.map(id => get(view, id))
    }

    async function waitUntil(
      from: Launcher,
      recorded: readonly string[],
      isSo: (view: EngineView) => boolean,
    ): Promise<EngineView> {
      for (let waitedMs = 0; ; waitedMs += 20) {
        const view = await from.list(recorded)
        if (isSo(view)) return view
        if (waitedMs > engine.patienceMs) {
          const states = view.workers.filter(({ id }) => recorded.includes(id)).map(({ state }) => state)
          throw new Error(`it never came to that: ${JSON.stringify({ states, gone: [...view.gone] })}`)
        }
        await sleep(20)
      }
    }

    async function clear(from: Launcher, ids: readonly string[]): Promise<void> {
      await waitUntil(from, ids, view => {
        const left = view.workers.filter(({ id }) => ids.includes(id))
        void from.terminate(left.map(({ handle }) => handle))
        return left.length === 0
      })
    }

    async function endOf(id: string) {
      const [observed] = await waitFor('ended', [id])
      if (observed?.state.kind !== 'ended') throw new Error('it has not ended')
      return observed.state
    }

    test('tells its engine, its home and what can run here', async () => {
      expect(launcher.engine).toMatch(/^[a-z]+$/)
      expect(launcher.home).not.toBe('')
      const facts = await launcher.describe()
      expect(facts.largestWorker.cpus).toBeGreaterThan(0)
      expect(facts.largestWorker.memory).toBeGreaterThan(0)
      expect(facts.summary).toMatch(/\.$/)
    })

    test('lists what was launched as started, by its id, with a handle and an address', async () => {
      const [id = ''] = await launch(spec(['sleep', '1000']))
      const [observed] = await waitFor('started', [id])
      expect(observed?.handle).toBeTruthy()
      expect(observed?.node).toBeTruthy()
      expect(observed?.address).toBeTruthy()
      expect(Math.abs(Date.now() - startOf(observed).getTime())).toBeLessThan(60_000)
      await clear(launcher, [id])
    })

    test('says gone of what it never had, and only of that', async () => {
      const [id = ''] = await launch(spec(['sleep', '1000']))
      const never = newWorkerId()
      const view = await launcher.list([id, never])
      expect([...view.gone]).toEqual([never])
      await clear(launcher, [id])
      expect([...(await launcher.list([id])).gone]).toEqual([id])
    })

    test('lists workers that nobody has recorded', async () => {
      const [id = ''] = await launch(spec(['sleep', '1000']))
      expect((await launcher.list([])).workers.map(each => each.id)).toContain(id)
      await clear(launcher, [id])
    })

    test('launches many in one call', async () => {
      const ids = await launch(
        ...Array.from({ length: 25 }, (_, index) => spec(['sleep', '1000'], { index })),
      )
      await waitFor('started', ids)
      await clear(launcher, ids)
      expect((await launcher.list(ids)).gone).toEqual(new Set(ids))
    })

    test('ends what ran in two steps: it is listed as ended first, and cleared when it is terminated again', async () => {
      const [id = ''] = await launch(spec(['sleep', '1000']))
      const [{ handle } = { handle: '' }] = await waitFor('started', [id])
      await launcher.terminate([handle])
      const [ended] = await waitFor('ended', [id])
      expect(ended?.state).toMatchObject({ signal: 'SIGTERM', exitCode: null })
      await launcher.terminate([handle])
      await waitUntil(launcher, [id], ({ gone }) => gone.has(id))
      await expect(launcher.terminate([handle]), 'gone already').resolves.toBeUndefined()
    })

    test('resolves when it is to end what it never had', async () => {
      await expect(launcher.terminate([newWorkerId()])).resolves.toBeUndefined()
    })

    test('yields no output of a worker that it never had', async () => {
      expect(await read(launcher, newWorkerId(), { signal: AbortSignal.timeout(5000) })).toBe('')
    })

    test('never shows the workers of another home, nor ends them', async () => {
      const other = await open('two')
      expect(other.home).not.toBe(launcher.home)
      const [id = ''] = await launch(spec(['sleep', '1000']))
      const [observed] = await waitFor('started', [id])
      const view = await other.list([id])
      expect(view.workers).toEqual([])
      expect([...view.gone], 'as far as that home knows').toEqual([id])
      if (runsPrograms) await other.terminate([observed?.handle ?? ''])
      await sleep(100)
      expect(stateOf(await launcher.list([id]), id)?.kind).toBe('started')
      await clear(launcher, [id])
    })

    test('a second launcher of the same home knows everything, and can end it', async () => {
      const ids = await launch(spec(['sleep', '1000']), spec(['sleep', '1000']))
      const before = await waitFor('started', ids)
      const other = await open('one')
      expect(other.home).toBe(launcher.home)
      const after = await waitFor('started', ids, other)
      expect(after.map(startOf)).toEqual(before.map(startOf))
      await clear(other, ids)
      expect((await launcher.list(ids)).gone).toEqual(new Set(ids))
    })

    if (!runsPrograms) return

    describe('with real programs', () => {
      test('gives arguments and environment exactly as they are', async () => {
        const worker = spec(['printf', '%s\\0', ...HOSTILE_ARGUMENTS])
        const variables = spec(['env', '-0'], { environment: HOSTILE_VARIABLES })
        const ids = await launch(worker, variables)
        for (const id of ids) expect(await endOf(id)).toMatchObject({ exitCode: 0, signal: null })
        const [args = '', environment = ''] = await Promise.all(
          ids.map(id => read(launcher, id, { signal: AbortSignal.timeout(10_000) })),
        )
        expect(args.split('\0')).toEqual([...HOSTILE_ARGUMENTS, ''])
        const found = parseVariables(environment)
        expect(found).toMatchObject(variables.environment)
        for (const name of ['PATH', 'HOME', 'USER', 'LOGNAME']) expect(found[name], name).toBeTruthy()
        expect(Object.keys(found).filter(each => each.startsWith('CLUSTERS_'))).toEqual([])
        await clear(launcher, ids)
      })

      test('puts files where the worker begins, for it alone to read', async () => {
        const files = { 'secret.pem': `it's $HOME\n${'z'.repeat(5000)}\n` }
        const [id = ''] = await launch(spec(['sh', '-c', 'stat -c %a secret.pem; cat secret.pem'], { files }))
        await endOf(id)
        const output = await read(launcher, id, { signal: AbortSignal.timeout(10_000) })
        expect(output).toBe(`600\n${files['secret.pem']}`)
        await clear(launcher, [id])
      })

      test.each([
        ['an exit code', ['sh', '-c', 'exit 7'], { exitCode: 7, signal: null }],
        ['an exit code that looks like a signal', ['sh', '-c', 'exit 137'], { exitCode: 137, signal: null }],
        ['success', ['true'], { exitCode: 0, signal: null }],
        ['a signal', ['sh', '-c', 'kill -KILL $$'], { exitCode: null, signal: 'SIGKILL' }],
        ['another signal', ['sh', '-c', 'kill -USR1 $$'], { exitCode: null, signal: 'SIGUSR1' }],
        ['the exit code of an interrupt', ['sh', '-c', 'exit 130'], { exitCode: 130, signal: null }],
        ['the exit code of a broken pipe', ['sh', '-c', 'exit 141'], { exitCode: 141, signal: null }],
        // Not every engine tells this from an exit code.
        ['an interrupt, which it does not ignore', ['sh', '-c', 'kill -INT $$; sleep 1000'], {}],
      ])('tells how a worker ended: %s', async (_name, command, expected) => {
        const [id = ''] = await launch(spec(command))
        const end = await endOf(id)
        expect(end).toMatchObject({ reason: undefined, message: null, ...expected })
        expect(end.endedAt.getTime()).toBeGreaterThanOrEqual(end.startedAt?.getTime() ?? Infinity)
        await clear(launcher, [id])
      })

      test('says which program was not found, and that a file is no program', async () => {
        const [missing = '', file = ''] = await launch(spec(['no-such-program', 'x']), spec(['/etc/passwd']))
        expect(await endOf(missing)).toMatchObject({ exitCode: 127, reason: 'program_not_found' })
        expect((await endOf(missing)).message).toContain('no-such-program')
        expect(await endOf(file)).toMatchObject({ exitCode: 126, reason: 'program_not_found' })
        await clear(launcher, [missing, file])
      })

      test('gives the output whole, its last lines, and after the end', async () => {
        const [id = ''] = await launch(spec(['sh', '-c', 'seq 1 20000; echo error >&2; printf last']))
        await endOf(id)
        const signal = AbortSignal.timeout(10_000)
        const whole = `${Array.from({ length: 20_000 }, (_, index) => index + 1).join('\n')}\nerror\nlast`
        expect(await read(launcher, id, { signal })).toBe(whole)
        expect(await read(launcher, id, { signal, tailLines: 3 })).toBe('20000\nerror\nlast')
        expect(await read(launcher, id, { signal, tailLines: 100_000 })).toBe(whole)
        expect(await read(launcher, id, { signal, follow: true })).toBe(whole)
        await clear(launcher, [id])
        expect(await read(launcher, id, { signal })).toBe('')
      })

      test('follows the output until the worker ends', async () => {
        const [id = ''] = await launch(spec(['sh', '-c', 'for i in 1 2 3 4; do echo $i; sleep 0.2; done']))
        await waitFor('started', [id])
        expect(await read(launcher, id, { follow: true, signal: AbortSignal.timeout(20_000) })).toBe(
          '1\n2\n3\n4\n',
        )
        await clear(launcher, [id])
      })

      test('stops following when it is told to', async () => {
        const [id = ''] = await launch(spec(['sh', '-c', 'echo here; exec sleep 1000']))
        await waitFor('started', [id])
        expect(await read(launcher, id, { follow: true, signal: AbortSignal.timeout(700) })).toBe('here\n')
        await clear(launcher, [id])
      })

      test('ends everything that a worker has begun', async () => {
        const script = '(sleep 1000 &) ; sleep 1001 & trap "" TERM; while :; do sleep 0.1; done'
        const [id = ''] = await launch(spec(['sh', '-c', script]))
        await waitFor('started', [id])
        await clear(launcher, [id])
        expect((await launcher.list([id])).gone).toEqual(new Set([id]))
      })
    })
  })
}

function stateOf(view: EngineView, id: string): State | undefined {
  return view.workers.find(each => each.id === id)?.state
}

function get(view: EngineView, id: string): ObservedWorker {
  const found = view.workers.find(each => each.id === id)
  if (found === undefined) throw new Error(`${id} is not listed`)
  return found
}

function startOf(observed: ObservedWorker | undefined): Date {
  if (observed?.state.kind !== 'started') throw new Error('it has not started')
  return observed.state.startedAt
}

async function read(launcher: Launcher, id: string, options: LogOptions): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of launcher.logs(id, options)) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
