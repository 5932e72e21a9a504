import { expect, test } from 'vitest'
import { OperatorError } from './domain/errors.ts'
import { parseRuntimes } from './own-runtimes.ts'

const RAY = {
  description: 'A Ray head and its workers.',
  scheduler: { command: ['ray', 'start', '--head', '--port={gcs_port}'], cpus: 1, memory: 2 },
  command: ['ray', 'start', '--address={scheduler_host}:{gcs_port}', '--num-cpus={cpus}'],
  ports: ['gcs_port', 'http_port'],
  address: 'ray://{scheduler_host}:{gcs_port}',
  readiness: { url: 'http://{scheduler_host}:{http_port}/nodes', count: 'alive' },
  idleness: { url: 'http://{scheduler_host}:{http_port}/nodes', busy: ['tasks'] },
}

const parse = (content: unknown) => parseRuntimes(content, '/etc/clusters.yaml')

/** What is refused, without where and what to read. */
function refusal(content: unknown): string {
  try {
    parse(content)
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    const end = ' (/etc/clusters.yaml); docs/runtimes.md shows how a runtime is written.'
    expect(error.message, 'says where, and what to read').toContain(end)
    return error.message.replace(end, '')
  }
  return 'taken'
}

test('a whole one is taken as it is written, and the rest has defaults', () => {
  expect(parse({ ray: RAY })).toEqual([
    {
      ...RAY,
      ...{ name: 'ray', environment: {}, restart: 'always', startTimeoutSeconds: 120, check: undefined },
    },
  ])
})

test('the least is a description: each cluster brings its command', () => {
  const [least] = parse({ batch: { description: 'Anything.', restart: 'never', start_timeout_seconds: 5 } })
  expect(least).toMatchObject({ name: 'batch', command: undefined, restart: 'never', startTimeoutSeconds: 5 })
})

test('several are taken, and none', () => {
  expect(parse({ a: { description: 'A.' }, b: { description: 'B.' } }).map(({ name }) => name)).toEqual([
    'a',
    'b',
  ])
  expect(parse({})).toEqual([])
})

test.each([
  ['no runtimes at all', 'ray', 'runtimes must be object'],
  ['a list', [RAY], 'runtimes must be object'],
  ['a name in capitals', { Ray: RAY }, 'runtimes has the unknown field Ray'],
  ['nothing', { ray: null }, 'runtimes.ray must be object'],
  ['no description', { ray: {} }, "runtimes.ray must have required property 'description'"],
  ['an unknown field', { ray: { ...RAY, comand: [] } }, 'runtimes.ray has the unknown field comand'],
  ['a command as text', { ray: { ...RAY, command: 'ray start' } }, 'runtimes.ray.command must be array'],
  [
    'an empty command',
    { ray: { ...RAY, command: [] } },
    'runtimes.ray.command must NOT have fewer than 1 items',
  ],
  [
    'a number as text',
    { ray: { ...RAY, scheduler: { ...RAY.scheduler, cpus: '1' } } },
    'runtimes.ray.scheduler.cpus must be number',
  ],
  [
    'a scheduler that is too large',
    { ray: { ...RAY, scheduler: { ...RAY.scheduler, cpus: 17 } } },
    'runtimes.ray.scheduler.cpus must be <= 16',
  ],
  [
    'a URL that is not of HTTP',
    { ray: { ...RAY, readiness: { url: 'https://x', count: 'n' } } },
    'runtimes.ray.readiness.url must match pattern "^http://"',
  ],
  [
    'a variable with a dash',
    { ray: { ...RAY, environment: { 'A-B': 'x' } } },
    'runtimes.ray.environment has the unknown field A-B',
  ],
  [
    'a port twice',
    { ray: { ...RAY, ports: ['a', 'a'] } },
    'runtimes.ray.ports must NOT have duplicate items (items ## 1 and 0 are identical)',
  ],
  [
    'a timeout of none',
    { ray: { ...RAY, start_timeout_seconds: 0 } },
    'runtimes.ray.start_timeout_seconds must be >= 1',
  ],
  [
    'an address without a scheduler',
    { ray: { description: 'x', address: 'tcp://x' } },
    'runtimes.ray has address, which needs a scheduler',
  ],
  [
    'a port with a name that stands for something else',
    { ray: { ...RAY, ports: ['cpus'] } },
    'runtimes.ray has the port cpus, but {cpus} stands for something else',
  ],
  [
    'ports without a scheduler',
    { ray: { description: 'x', ports: ['a'] } },
    'runtimes.ray has ports, which needs a scheduler',
  ],
  [
    'readiness without a scheduler',
    { ray: { description: 'x', readiness: RAY.readiness } },
    'runtimes.ray has readiness, which needs a scheduler',
  ],
  [
    'idleness without a scheduler',
    { ray: { description: 'x', idleness: RAY.idleness } },
    'runtimes.ray has idleness, which needs a scheduler',
  ],
  [
    'a word that stands for nothing in an address',
    { ray: { ...RAY, address: 'tcp://{host}' } },
    'runtimes.ray has {host} in its address, where only {scheduler_host}, {gcs_port}, {http_port} stand for something',
  ],
  [
    'the seat of a worker in the scheduler’s command',
    { ray: { ...RAY, scheduler: { ...RAY.scheduler, command: ['x', '{index}'] } } },
    'runtimes.ray has {index} in its scheduler.command, where only {listen_host}, {cluster}, {workers}, {cpus}, {memory_bytes}, {gcs_port}, {http_port} stand for something',
  ],
  [
    'a word of every object',
    { ray: { ...RAY, readiness: { url: 'http://{constructor}', count: 'n' } } },
    'runtimes.ray has {constructor} in its readiness.url, where only {scheduler_host}, {gcs_port}, {http_port} stand for something',
  ],
])('%s is refused, by the name of the field', (_, content, words) => {
  expect(refusal(content)).toBe(words)
})
