/** Words for the person at the terminal; data goes to standard output. */
export function say(sentence: string): void {
  process.stderr.write(`${sentence}\n`)
}

/** A table of texts, each column as wide as its widest. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => row[column]?.length ?? 0)))
  const lines = rows.map(row =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  return `${lines.join('\n')}\n`
}
