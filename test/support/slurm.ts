import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

/** Whether a Slurm can be started here; in Debian it is the packages slurm-wlm and munge. */
export function hasSlurm(): boolean {
  return ['slurmctld', 'slurmd', 'munged'].every(
    program => spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined,
  )
}

export interface SlurmOptions {
  readonly nodes?: number
  readonly cpus?: number
  readonly memoryMib?: number
  /** Really hold jobs to their memory and cores: takes root, and cgroups of version 1. */
  readonly confine?: boolean
  /** How long the controller remembers a job that has ended, in seconds. */
  readonly minJobAge?: number
  /** After so many seconds a node that does not answer is down. */
  readonly slurmdTimeout?: number
}

/** A Slurm of its own on this machine: a controller, and several nodes that are this machine each. */
export class SlurmSite {
  readonly folder: string
  readonly #options: Required<SlurmOptions>
  readonly #ports: readonly number[]
  readonly #nodes = new Map<string, ChildProcess>()
  #munged: ChildProcess | undefined
  #controller: ChildProcess | undefined
  #firstJobId = 1

  private constructor(options: SlurmOptions, ports: readonly number[]) {
    this.folder = mkdtempSync(join(tmpdir(), 'slurm-'))
    this.#ports = ports
    this.#options = {
      ...{ nodes: 3, cpus: 8, memoryMib: 8192, confine: false, minJobAge: 120, slurmdTimeout: 5 },
      ...options,
    }
  }

  static async start(options: SlurmOptions = {}): Promise<SlurmSite> {
    const site = new SlurmSite(options, await findFreePorts(1 + (options.nodes ?? 3)))
    try {
      site.#writeFiles()
      site.#munged = site.#spawn('munged', [
        ...['--foreground', '--force', `--key-file=${site.#path('munge/key')}`],
        ...[`--socket=${site.#path('munge.sock')}`, `--pid-file=${site.#path('munged.pid')}`],
        ...[`--log-file=${site.#path('log/munged.log')}`, `--seed-file=${site.#path('munge/seed')}`],
      ])
      site.startController()
      for (const name of site.nodeNames) site.startNode(name)
      await site.waitForNodes(site.nodeNames.length)
    } catch (error) {
      await site.stop()
      throw error
    }
    return site
  }

  get conf(): string {
    return this.#path('slurm.conf')
  }

  get nodeNames(): readonly string[] {
    return Array.from({ length: this.#options.nodes }, (_, index) => `n${index + 1}`)
  }

  /** For programs of Slurm. */
  get environment(): Record<string, string> {
    return { PATH: process.env['PATH'] ?? '', SLURM_CONF: this.conf }
  }

  async run(program: string, ...args: readonly string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(program, args, { env: this.environment })
    return stdout.trim()
  }

  /** Ids and states of all jobs that have not ended. */
  async listJobs(): Promise<string[]> {
    const output = await this.run('squeue', '-h', '-r', '-o', '%i %T %j')
    return output.split('\n').filter(line => line !== '')
  }

  /** Each gives ids that none gave before: a node refuses a job with an id that one who was killed gave and forgot. */
  startController(): void {
    this.#firstJobId += 1000
    writeFileSync(this.#path('first-job-id.conf'), `FirstJobId=${this.#firstJobId}\n`)
    this.#controller = this.#spawn('slurmctld', ['-D', '-f', this.conf])
  }

  async stopController(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await end(this.#controller, signal)
    this.#controller = undefined
  }

  /** As after MinJobAge, which is minutes; of what runs it kills the rest. */
  async forgetJobs(): Promise<void> {
    await this.stopController()
    for (const name of readdirSync(this.#path('state'))) {
      if (name.startsWith('job_state') || name.startsWith('hash.')) {
        rmSync(this.#path(`state/${name}`), { recursive: true })
      }
    }
    this.startController()
    await this.waitForNodes(this.nodeNames.length)
  }

  /** What a program in the place of sbatch has written down: its arguments, a line each, and the script. */
  async submitAgain(record: string): Promise<void> {
    const args = readFileSync(join(record, 'args'), 'utf8').trimEnd().split('\n')
    const script = readFileSync(join(record, 'script'), 'utf8')
    const child = spawn('sbatch', [...args, '--wait'], {
      env: this.environment,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    child.stdin.end(script)
    await new Promise(resolve => child.once('exit', resolve))
  }

  startNode(name: string): void {
    this.#nodes.set(name, this.#spawn('slurmd', ['-D', '-N', name, '-f', this.conf]))
  }

  /** As when the machine has no power any more: also what runs on it. */
  async killNode(name: string): Promise<void> {
    await end(this.#nodes.get(name), 'SIGKILL')
    this.#nodes.delete(name)
    this.#killJobs([name])
  }

  async waitForNodes(count: number): Promise<void> {
    for (let waitedMs = 0; waitedMs < 30_000; waitedMs += 50) {
      const states = await this.run('sinfo', '-h', '-N', '-o', '%T').catch(() => '')
      if ((states.match(/^(idle|mixed|allocated)$/gm) ?? []).length >= count) return
      await sleep(50)
    }
    throw new Error(`the nodes did not come up: ${this.#tail()}`)
  }

  async stop(): Promise<void> {
    if (this.#controller !== undefined) {
      await this.run('scancel', `--user=${userInfo().username}`).catch(() => '')
      for (let waitedMs = 0; waitedMs < 10_000; waitedMs += 50) {
        if ((await this.listJobs().catch(() => [])).length === 0) break
        await sleep(50)
      }
    }
    await Promise.all([...this.#nodes.values()].map(node => end(node, 'SIGTERM')))
    // Those that the controller had no time to end.
    this.#killJobs(this.nodeNames)
    await end(this.#controller, 'SIGTERM')
    await end(this.#munged, 'SIGTERM')
    for (const name of this.nodeNames) {
      spawnSync('sh', [
        '-c',
        `find /sys/fs/cgroup/*/slurm_${name} -depth -type d -exec rmdir {} \\; 2>/dev/null`,
      ])
    }
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }

  #killJobs(nodes: readonly string[]): void {
    const workers = listPids().filter(pid => {
      const environ = readProc(pid, 'environ')
      // Another Slurm of another test has nodes of the same names.
      return (
        environ.includes(`SLURM_CONF=${this.conf}\0`) &&
        nodes.some(node => environ.includes(`SLURMD_NODENAME=${node}\0`))
      )
    })
    const steps = workers.map(findParent).filter(pid => readProc(pid, 'cmdline').startsWith('slurmstepd:'))
    // All at once: none of them may tell of the end of another.
    for (const pid of [...steps, ...workers]) send(pid, 'SIGSTOP')
    for (const pid of [...steps, ...workers]) send(pid, 'SIGKILL')
  }

  #spawn(program: string, args: readonly string[]): ChildProcess {
    const child = spawn(program, args, { env: this.environment, stdio: 'ignore', cwd: this.folder })
    child.on('error', () => undefined)
    return child
  }

  #writeFiles(): void {
    for (const folder of ['state', 'log', 'munge', ...this.nodeNames.map(name => `state/${name}`)]) {
      mkdirSync(this.#path(folder), { recursive: true, mode: folder === 'munge' ? 0o700 : 0o755 })
    }
    writeFileSync(this.#path('munge/key'), randomBytes(128), { mode: 0o400 })
    writeFileSync(this.conf, this.#config())
    if (this.#options.confine) {
      writeFileSync(
        this.#path('cgroup.conf'),
        'CgroupPlugin=cgroup/v1\nCgroupAutomount=no\nConstrainCores=yes\nConstrainRAMSpace=yes\n',
      )
    }
  }

  #config(): string {
    const { cpus, memoryMib, confine, minJobAge, slurmdTimeout } = this.#options
    const [controllerPort = 0, ...nodePorts] = this.#ports
    const user = userInfo().username
    const held = confine
      ? [
          'ProctrackType=proctrack/cgroup',
          'TaskPlugin=task/cgroup',
          'JobAcctGatherType=jobacct_gather/cgroup',
        ]
      : [
          ...['ProctrackType=proctrack/linuxproc', 'TaskPlugin=task/none'],
          ...['JobAcctGatherType=jobacct_gather/none', 'SlurmdParameters=config_overrides'],
        ]
    return [
      'ClusterName=test',
      `Include ${this.#path('first-job-id.conf')}`,
      'SlurmctldHost=localhost(127.0.0.1)',
      `SlurmctldPort=${controllerPort}`,
      `SlurmUser=${user}`,
      `SlurmdUser=${user}`,
      'AuthType=auth/munge',
      `AuthInfo=socket=${this.#path('munge.sock')}`,
      'CredType=cred/munge',
      'CommunicationParameters=NoInAddrAny,NoCtldInAddrAny',
      `StateSaveLocation=${this.#path('state')}`,
      `SlurmdSpoolDir=${this.#path('state/%n')}`,
      `SlurmctldPidFile=${this.#path('slurmctld.pid')}`,
      `SlurmdPidFile=${this.#path('slurmd-%n.pid')}`,
      `SlurmctldLogFile=${this.#path('log/slurmctld.log')}`,
      `SlurmdLogFile=${this.#path('log/slurmd-%n.log')}`,
      'MpiDefault=none',
      'SwitchType=switch/none',
      ...held,
      'SelectType=select/cons_tres',
      'SelectTypeParameters=CR_CPU_Memory',
      'SchedulerType=sched/backfill',
      'SchedulerParameters=sched_interval=1,batch_sched_delay=0,sched_min_interval=100000,bf_interval=2',
      'ReturnToService=2',
      'SlurmctldTimeout=30',
      `SlurmdTimeout=${slurmdTimeout}`,
      'InactiveLimit=0',
      'KillWait=2',
      `MinJobAge=${minJobAge}`,
      'Waittime=0',
      'DefMemPerCPU=64',
      'AccountingStorageType=accounting_storage/none',
      ...this.nodeNames.map(
        (name, index) =>
          `NodeName=${name} NodeHostname=localhost NodeAddr=127.0.0.1 Port=${nodePorts[index]} ` +
          `CPUs=${cpus} RealMemory=${memoryMib} State=UNKNOWN`,
      ),
      'PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO PriorityTier=1',
      'PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP OverSubscribe=NO PriorityTier=9',
      'PreemptType=preempt/partition_prio',
      'PreemptMode=CANCEL',
      '',
    ].join('\n')
  }

  #path(name: string): string {
    return join(this.folder, name)
  }

  #tail(): string {
    const path = this.#path('log/slurmctld.log')
    try {
      return readFileSync(path, 'utf8').slice(-2000)
    } catch {
      return 'the controller wrote no log'
    }
  }
}

async function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise(resolve => child.once('exit', resolve))
  child.kill(signal)
  const late = setTimeout(() => child.kill('SIGKILL'), 10_000)
  await ended
  clearTimeout(late)
}

function listPids(): number[] {
  return spawnSync('ls', ['/proc'], { encoding: 'utf8' })
    .stdout.split('\n')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
}

function readProc(pid: number, file: 'cmdline' | 'environ' | 'status'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return ''
  }
}

function findParent(pid: number): number {
  return Number(/^PPid:\t(\d+)$/m.exec(readProc(pid, 'status'))?.[1] ?? 0)
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended meanwhile.
  }
}

async function findFreePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
      return server
    }),
  )
  const ports = servers.map(server => {
    const address = server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  })
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
  return ports
}
