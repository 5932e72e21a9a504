import { parseAllDocuments } from 'yaml'

/**
 * Parses YAML, which JSON is a part of. Throws an `Error` of one line: bad syntax, aliases that lead nowhere, or
 * several documents in one text, of which all but the first would be lost.
 */
export function parseYaml(text: string): unknown {
  const documents = [...parseAllDocuments(text, { schema: 'core', logLevel: 'silent' })]
  if (documents.length > 1) throw new Error(`it holds ${documents.length} documents; write one, without ---`)
  const [document] = documents
  const [error] = document?.errors ?? []
  // The lines below it show the place; what comes before them ends in a colon.
  if (error !== undefined) throw new Error(error.message.split('\n', 1)[0]?.replace(/:$/, ''))
  return document?.toJS()
}
