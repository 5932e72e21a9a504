import { Type, type TSchema } from 'typebox'

/** `null` is "not yet", or "none". */
export function nullable<Schema extends TSchema & { type?: string }>(schema: Schema) {
  return Type.Unsafe<Type.Static<Schema> | null>({ ...schema, type: [schema.type, 'null'] })
}

export const time = (description: string) => Type.String({ format: 'date-time', description })
