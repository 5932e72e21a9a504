import { PROBLEMS, type ProblemName } from './problems.ts'

/** The page behind a problem's `type`. Without script or style of its own, so that any policy lets it be. */
export function renderProblemPage(name: ProblemName): string {
  const { status, title, happened, mend } = PROBLEMS[name]
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>${title} · clusters</title>
</head>
<body>
<main>
<h1>${title}</h1>
<p><code>/problems/${name}</code>, HTTP status ${status}</p>
<h2>What happened</h2>
<p>${toHtml(happened)}</p>
<h2>How to mend it</h2>
<p>${toHtml(mend)}</p>
<p><a href="/docs">All operations</a></p>
</main>
</body>
</html>
`
}

/** Our own texts, in which backquotes mark code. */
function toHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replace(/`([^`]+)`/g, '<code>$1</code>')
}

/** The same for all kinds, as a page of the repository. */
export function renderProblemList(): string {
  const sections = Object.entries(PROBLEMS).map(
    ([name, { status, title, happened, mend }]) =>
      `## ${title}\n\n\`/problems/${name}\`, HTTP status ${status}\n\n${happened}\n\n**How to mend it:** ${mend}\n`,
  )
  return `# Problems\n\nEvery error is \`application/problem+json\` (RFC 9457); its \`type\` is one of these. The server answers each with this text.\n\n${sections.join('\n')}`
}
