/** Colours and their like. */
const SEQUENCES = new RegExp(`${String.fromCharCode(27)}\\[[0-?]*[ -/]*[@-~]`, 'g')

/**
 * In one line, without what a terminal would act on: for words that come from elsewhere. PostgreSQL refuses a text
 * with NUL, and its cluster could never be recorded again.
 */
export function toPlainText(text: string): string {
  return text
    .replace(SEQUENCES, '')
    .replace(/[\t\r\n]+/g, ' ')
    .replace(/[\p{C}\uFFFD]/gu, '')
    .trim()
}
