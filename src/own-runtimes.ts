import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js'
import { Type, type Static } from 'typebox'
import { OperatorError } from './domain/errors.ts'
import { MAX_CPUS, MAX_MEMORY_GIB } from './domain/limits.ts'
import { PLACEHOLDERS, type RuntimeDefinition } from './domain/runtime.ts'

/** The runtimes that an operator defines, below `runtimes` in the file of settings. */

const command = Type.Array(Type.String({ minLength: 1 }), { minItems: 1, maxItems: 256 })
const portName = Type.String({ pattern: '^[a-z][a-z0-9_]{0,62}$' })

const runtimeSchema = Type.Object(
  {
    description: Type.String({ minLength: 1, maxLength: 200 }),
    command: Type.Optional(command),
    scheduler: Type.Optional(
      Type.Object(
        {
          command,
          cpus: Type.Number({ exclusiveMinimum: 0, maximum: MAX_CPUS }),
          memory: Type.Number({ exclusiveMinimum: 0, maximum: MAX_MEMORY_GIB }),
        },
        { additionalProperties: false },
      ),
    ),
    environment: Type.Optional(
      Type.Record(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$' }), Type.String(), {
        additionalProperties: false,
      }),
    ),
    ports: Type.Optional(Type.Array(portName, { maxItems: 10, uniqueItems: true })),
    address: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    credentials: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$' })),
    readiness: Type.Optional(
      Type.Object(
        { url: Type.String({ pattern: '^http://' }), count: Type.String({ minLength: 1 }) },
        { additionalProperties: false },
      ),
    ),
    idleness: Type.Optional(
      Type.Object(
        {
          url: Type.String({ pattern: '^http://' }),
          busy: Type.Array(Type.String({ minLength: 1 }), { minItems: 1 }),
        },
        { additionalProperties: false },
      ),
    ),
    restart: Type.Optional(Type.Enum(['always', 'never'])),
    start_timeout_seconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 86_400 })),
    check: Type.Optional(
      Type.Object({ command, missing: Type.String({ minLength: 1 }) }, { additionalProperties: false }),
    ),
  },
  { additionalProperties: false },
)
const runtimesSchema = Type.Record(Type.String({ pattern: '^[a-z][a-z0-9-]{0,62}$' }), runtimeSchema, {
  additionalProperties: false,
})

const DEFAULT_START_TIMEOUT_SECONDS = 120

/** Throws an `OperatorError` that names the field. `source` is the path of the file. */
export function parseRuntimes(content: unknown, source: string): RuntimeDefinition[] {
  const validate = new Ajv2020({ strict: true, strictTypes: false, verbose: true }).compile<
    Static<typeof runtimesSchema>
  >(runtimesSchema)
  if (!validate(content)) throw refuse(source, describe(validate.errors?.[0]))
  return Object.entries(content).map(([name, given]) => {
    const runtime = toRuntime(name, given)
    const problem = findProblem(runtime)
    if (problem !== undefined) throw refuse(source, `runtimes.${name} ${problem}`)
    return runtime
  })
}

function refuse(source: string, problem: string): OperatorError {
  return new OperatorError(`${problem} (${source}); docs/runtimes.md shows how a runtime is written.`)
}

function describe(error: ErrorObject | undefined): string {
  if (error === undefined) return 'runtimes is not valid'
  const path = ['runtimes', ...error.instancePath.split('/').slice(1)].join('.')
  if (error.keyword === 'additionalProperties') {
    return `${path} has the unknown field ${String(error.params['additionalProperty'])}`
  }
  return `${path} ${error.message ?? 'is not valid'}`
}

function toRuntime(name: string, given: Static<typeof runtimeSchema>): RuntimeDefinition {
  return {
    name,
    description: given.description,
    command: given.command,
    scheduler: given.scheduler,
    environment: given.environment ?? {},
    ports: given.ports ?? [],
    address: given.address,
    credentials: given.credentials,
    readiness: given.readiness,
    idleness: given.idleness,
    restart: given.restart ?? 'always',
    startTimeoutSeconds: given.start_timeout_seconds ?? DEFAULT_START_TIMEOUT_SECONDS,
    check: given.check,
  }
}

/** What belongs together, in words that follow the runtime's name. */
function findProblem(runtime: RuntimeDefinition): string | undefined {
  const { scheduler, ports, address, readiness, idleness } = runtime
  if (scheduler === undefined) {
    const needing = Object.entries({ address, readiness, idleness, ports: ports[0] })
    const [field] = needing.find(([, value]) => value !== undefined) ?? []
    if (field !== undefined) return `has ${field}, which needs a scheduler`
  }
  const known: readonly string[] = [...PLACEHOLDERS.schedulerCommand, ...PLACEHOLDERS.command]
  const twice = ports.find(port => known.includes(port))
  if (twice !== undefined) return `has the port ${twice}, but {${twice}} stands for something else`
  const texts: [string, readonly (string | undefined)[], readonly string[]][] = [
    ['command', runtime.command ?? [], [...PLACEHOLDERS.command, ...ports]],
    ['scheduler.command', scheduler?.command ?? [], [...PLACEHOLDERS.schedulerCommand, ...ports]],
    ['address', [address], [...PLACEHOLDERS.url, ...ports]],
    ['readiness.url', [readiness?.url], [...PLACEHOLDERS.url, ...ports]],
    ['idleness.url', [idleness?.url], [...PLACEHOLDERS.url, ...ports]],
  ]
  for (const [field, values, allowed] of texts) {
    const unknown = values.flatMap(text => listPlaceholders(text ?? '')).find(name => !allowed.includes(name))
    if (unknown !== undefined) {
      return `has {${unknown}} in its ${field}, where only ${allowed.map(name => `{${name}}`).join(', ')} stand for something`
    }
  }
  return undefined
}

function listPlaceholders(text: string): string[] {
  return [...text.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name)
}
