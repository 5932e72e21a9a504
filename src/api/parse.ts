import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import type { Static, TObject, TSchema } from 'typebox'
import { InvalidRequest, type FieldErrors } from '../domain/errors.ts'
import { closestWord } from '../lib/closest-word.ts'
import { parseCursor } from './paging.ts'

/**
 * Parses what came in by the same schemas that the documentation is made from. Every faulty field is named
 * at once, each with its first fault: that bounds the answer, whatever was sent.
 */

const ajv = new Ajv2020({ verbose: true, strict: true, strictTypes: false })
// The package is CommonJS: its types and Node differ on where the function is.
;(addFormats as unknown as (ajv: Ajv2020) => void)(ajv)
ajv.addKeyword({ keyword: 'x-error', schemaType: 'string' })
ajv.addFormat('cursor', text => parseCursor(text) !== undefined)

/** What `parse` reads; says in an error what an unknown name is. */
type Part = 'body' | 'query'

type Valid<Schema extends TSchema> = Partial<Static<Schema>>

/** Looks at the fields that are valid on their own; tells what is wrong between them, by field. */
export type Check<Schema extends TSchema> = (
  valid: Valid<Schema>,
) => Readonly<Record<string, string | undefined>>

/** At most so many unknown names are repeated in an answer. */
const MAX_UNKNOWN = 20

/** Throws `InvalidRequest` with every faulty field. */
export function parse<Schema extends TObject>(
  schema: Schema,
  input: unknown,
  part: Part,
  check?: Check<Schema>,
): Static<Schema> {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw new InvalidRequest({ body: ['must be a JSON object'] })
  }
  const errors = new Map<string, string[]>()
  const valid: Record<string, unknown> = {}
  for (const [name, validate] of validatorsOf(schema)) {
    if (!Object.hasOwn(input, name)) {
      if (schema.required?.includes(name)) errors.set(name, ['is required'])
      continue
    }
    const given: unknown = Reflect.get(input, name)
    if (part === 'query' && Array.isArray(given)) {
      errors.set(name, ['is there more than once'])
      continue
    }
    const value = part === 'query' ? readQueryValue(schema.properties[name], given) : given
    if (validate(value)) valid[name] = value
    else errors.set(name, [describeError(validate.errors?.[0])])
  }
  nameUnknown(schema, input, part, errors)
  // Each value was held against its schema just above; what is missing, `check` must expect.
  for (const [name, message] of Object.entries(check?.(valid as Valid<Schema>) ?? {})) {
    if (message !== undefined) errors.set(name, [...(errors.get(name) ?? []), message])
  }
  if (errors.size > 0) throw new InvalidRequest(Object.fromEntries(errors) satisfies FieldErrors)
  return valid as Static<Schema>
}

/** A query has nothing but texts. What is no plain whole number stays one, for the schema to refuse. */
function readQueryValue(schema: TSchema | undefined, value: unknown): unknown {
  const isWhole = typeof value === 'string' && /^-?\d{1,300}$/.test(value)
  return isWhole && schema !== undefined && 'type' in schema && schema.type === 'integer'
    ? Number(value)
    : value
}

/** Compiled at first use, so that a start does not wait for schemas nobody asks for. */
const compiled = new WeakMap<object, Map<string, ValidateFunction>>()

function validatorsOf(schema: TObject): Map<string, ValidateFunction> {
  let validators = compiled.get(schema)
  if (validators === undefined) {
    validators = new Map(
      Object.entries(schema.properties).map(([name, property]) => [name, ajv.compile(property)]),
    )
    compiled.set(schema, validators)
  }
  return validators
}

function nameUnknown(schema: TObject, input: object, part: Part, errors: Map<string, string[]>): void {
  const known = Object.keys(schema.properties)
  const unknown = Object.keys(input).filter(name => !Object.hasOwn(schema.properties, name))
  const kind = part === 'body' ? 'a known field' : 'a known parameter'
  for (const name of unknown.slice(0, MAX_UNKNOWN)) {
    const closest = closestWord(name, known)
    const hint = closest === undefined ? '' : `; did you mean ${closest}?`
    errors.set(name.slice(0, 100), [`is not ${kind}${hint}`])
  }
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  integer: 'a whole number',
  number: 'a number',
  string: 'a text',
  boolean: 'true or false',
  array: 'an array',
  object: 'an object',
  null: 'null',
}

function describeError(error: ErrorObject | undefined): string {
  if (error === undefined) return 'is not valid'
  if (error.propertyName !== undefined) return `must not have the name ${quote(error.propertyName)}`
  // "/3" in a command: what stands below the field itself.
  const below = error.instancePath.split('/').slice(1).join('.').slice(0, 100)
  const where = below === '' ? '' : `${/^\d+$/.test(below) ? `item ${Number(below) + 1}` : below} `
  const own: unknown = error.parentSchema?.['x-error']
  return where + (typeof own === 'string' ? own : describeKeyword(error))
}

function describeKeyword({ keyword, schema }: ErrorObject): string {
  switch (keyword) {
    case 'type': {
      const types = [schema].flat().map(type => TYPE_NAMES[String(type)] ?? String(type))
      return `must be ${types.join(' or ')}`
    }
    case 'maximum':
      return `must be at most ${String(schema)}`
    case 'minimum':
      return `must be at least ${String(schema)}`
    case 'exclusiveMinimum':
      return `must be greater than ${String(schema)}`
    case 'maxLength':
      return `must be at most ${String(schema)} characters`
    case 'minLength':
      return schema === 1 ? 'must not be empty' : `must be at least ${String(schema)} characters`
    case 'maxItems':
      return `must have at most ${String(schema)} items`
    case 'minItems':
      return schema === 1 ? 'must not be empty' : `must have at least ${String(schema)} items`
    case 'enum':
      return `must be one of ${[schema].flat().join(', ')}`
    case 'format':
      return schema === 'date-time'
        ? 'must be a time such as 2026-11-23T10:00:00Z'
        : `must be a ${String(schema)}`
    default:
      return 'is not valid'
  }
}

function quote(name: string): string {
  return JSON.stringify(name.slice(0, 100))
}
