import { styleText } from 'node:util'

/** Data, for whoever reads standard output: a person, a file or a pipe. */
export function print(text: string): void {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`)
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2))
}

/** Words for the person at the terminal; data goes to standard output. */
export function say(sentence: string): void {
  process.stderr.write(`${sentence}\n`)
}

type Style = 'bold' | 'dim' | 'green' | 'red' | 'yellow' | 'cyan'

/** Coloured on a terminal alone, and there only when NO_COLOR is not set. */
export function paint(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  const { NO_COLOR, TERM } = process.env
  const isColoured = stream.isTTY && (NO_COLOR ?? '') === '' && TERM !== 'dumb'
  return isColoured ? styleText(style, text) : text
}

/** A table of texts, each column as wide as its widest. Cells may be painted. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => widthOf(row[column] ?? ''))))
  const lines = rows.map(row =>
    row
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - widthOf(cell)))
      .join('  ')
      .trimEnd(),
  )
  return `${lines.join('\n')}\n`
}

const PAINT = new RegExp(`${String.fromCodePoint(27)}\\[\\d+m`, 'g')

function widthOf(cell: string): number {
  return cell.replaceAll(PAINT, '').length
}

export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`
}
