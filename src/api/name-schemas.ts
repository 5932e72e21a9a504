/** Schemas with a title, by that name in `components`, so that a client's types have names and none is there twice. */
export function nameSchemas<Document extends { paths?: unknown; components?: unknown }>(
  document: Document,
): Document {
  const named = new Map<string, { readonly schema: unknown; readonly text: string }>()

  const name = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(name)
    if (!isObject(value)) return value
    const schema = Object.fromEntries(
      Object.entries(value).map(([key, part]) => [key, nameUnless(key, part)]),
    )
    const { title } = schema
    if (typeof title !== 'string' || schema['type'] === undefined) return schema
    const text = JSON.stringify(schema)
    const same = named.get(title)
    if (same !== undefined && same.text !== text) throw new Error(`two schemas have the title ${title}`)
    named.set(title, { schema, text })
    return { $ref: `#/components/schemas/${title}` }
  }
  /** What clients would send or get, and is no schema. */
  const nameUnless = (key: string, part: unknown) =>
    key === 'example' || key === 'examples' ? part : name(part)

  const paths = name(document.paths)
  const schemas = Object.fromEntries([...named].map(([title, { schema }]) => [title, schema]))
  const components = isObject(document.components) ? document.components : {}
  return { ...document, paths, components: { ...components, schemas } }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
