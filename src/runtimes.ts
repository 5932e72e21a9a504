import type { PortRange, Runtime, RuntimeDefinition } from './domain/runtime.ts'

/** What workers can run: what is built in, and what the operator defines. */

/** Below the range that systems give to connections by themselves, above the ports of known services. */
export const DEFAULT_PORT_RANGE: PortRange = { first: 10_000, last: 29_999 }

const idle: RuntimeDefinition = {
  name: 'idle',
  description: 'Holds its place until it is stopped.',
  command: ['sleep', 'infinity'],
  scheduler: undefined,
  environment: {},
  ports: [],
  address: undefined,
  credentials: undefined,
  readiness: undefined,
  idleness: undefined,
  restart: 'always',
  startTimeoutSeconds: 60,
  check: undefined,
}

const command: RuntimeDefinition = {
  name: 'command',
  description: 'Runs a command of yours on each worker, and ends with it.',
  command: undefined,
  scheduler: undefined,
  environment: {},
  ports: [],
  address: undefined,
  credentials: undefined,
  readiness: undefined,
  idleness: undefined,
  restart: 'never',
  startTimeoutSeconds: 60,
  check: undefined,
}

const DASK_SCHEDULER =
  '-m distributed.cli.dask_scheduler --host {listen_host} --port {scheduler_port} ' +
  '--dashboard-address {listen_host}:{http_port}'
const DASK_CREDENTIALS = 'credentials.pem'
/** Both sides show the certificate, and trust nothing else: without it nobody gets in. */
const DASK_TLS = `--tls-ca-file ${DASK_CREDENTIALS} --tls-cert ${DASK_CREDENTIALS} --tls-key ${DASK_CREDENTIALS}`
const DASK_OVER_NETWORK = {
  DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION: 'True',
  // Whoever can reach the scheduler's HTTP port could read its logs and what it computes; this is what we ask it.
  DASK_DISTRIBUTED__SCHEDULER__HTTP__ROUTES: '["distributed.http.scheduler.json", "distributed.http.health"]',
}
const DASK_WORKER =
  '-m distributed.cli.dask_worker {address} --host {listen_host} --name worker-{index} --no-nanny ' +
  '--nthreads {cpus} --memory-limit {memory_bytes} --local-directory . ' +
  // Without it every worker serves its pages to the network.
  '--dashboard-address 127.0.0.1:0'

/**
 * `python` has the module `distributed`; a path, or a name that is looked up in PATH. `overNetwork`: others than its
 * creator are on the way between its workers, and could otherwise run code as their user.
 */
function dask(python: string, overNetwork: boolean): RuntimeDefinition {
  const tls = overNetwork ? DASK_TLS.split(' ') : []
  return {
    name: 'dask',
    description: 'A Dask scheduler and its workers, for a Dask client to compute on.',
    scheduler: { command: [python, ...DASK_SCHEDULER.split(' '), ...tls], cpus: 1, memory: 2 },
    command: [python, ...DASK_WORKER.split(' '), ...tls],
    // Its threads share the CPUs already; BLAS in each of them must not multiply that.
    environment: {
      OMP_NUM_THREADS: '1',
      MKL_NUM_THREADS: '1',
      OPENBLAS_NUM_THREADS: '1',
      ...(overNetwork ? DASK_OVER_NETWORK : {}),
    },
    ports: ['scheduler_port', 'http_port'],
    address: `${overNetwork ? 'tls' : 'tcp'}://{scheduler_host}:{scheduler_port}`,
    credentials: overNetwork ? DASK_CREDENTIALS : undefined,
    readiness: { url: 'http://{scheduler_host}:{http_port}/json/counts.json', count: 'workers' },
    idleness: {
      url: 'http://{scheduler_host}:{http_port}/json/counts.json',
      busy: ['processing', 'waiting', 'unrunnable'],
    },
    restart: 'always',
    startTimeoutSeconds: 120,
    check: {
      command: [
        python,
        '-c',
        'import sys, importlib.util as u; sys.exit(u.find_spec("distributed") is None)',
      ],
      missing:
        `dask needs a Python with the module distributed, and ${python} is none: install it ` +
        '(pip install distributed, or on Debian apt install python3-distributed), ' +
        'or set CLUSTERS_DASK_PYTHON to a Python that has it (on Debian /usr/bin/python3).',
    },
  }
}

/** By name. The operator's own win over what is built in. */
export function collectRuntimes(options: {
  daskPython: string
  own: readonly RuntimeDefinition[]
  portRange: PortRange
  /** Workers are on several machines. */
  overNetwork: boolean
}): ReadonlyMap<string, Runtime> {
  const { portRange } = options
  const all = [idle, command, dask(options.daskPython, options.overNetwork), ...options.own]
  return new Map(all.map(runtime => [runtime.name, { ...runtime, portRange }]))
}
