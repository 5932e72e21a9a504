import { parseDocument } from 'yaml'

/** Parses YAML, which JSON is a part of. Throws an `Error` of one line: bad syntax, or aliases that lead nowhere. */
export function parseYaml(text: string): unknown {
  const document = parseDocument(text, { schema: 'core', logLevel: 'silent' })
  const [error] = document.errors
  if (error !== undefined) throw new Error(error.message.split('\n', 1)[0])
  return document.toJS()
}
