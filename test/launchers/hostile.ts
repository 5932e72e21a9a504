/** Arguments and variables that something on the way might take for something else. */

const HOSTILE = [
  '',
  ' ',
  'two words',
  "it's",
  '"double"',
  "'; exit 9; '",
  '$(exit 9)',
  '`exit 9`',
  '$HOME ${HOME} $$',
  'back\\slash \\n \\',
  'new\nline\n\nand another\n',
  '\ttab\r',
  '*',
  '~',
  '-n',
  '--',
  '!history',
  '#comment',
  '#SBATCH --time=1',
  '&& exit 9',
  '\u0001\u007f\u001b[31m',
  'Grüße 🌍',
  'a=b',
  '%s%n',
]

export const HOSTILE_ARGUMENTS: readonly string[] = [...HOSTILE, 'x'.repeat(100_000)]

/** With names that shells use for themselves. */
export const HOSTILE_VARIABLES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(HOSTILE.map((value, index) => [`HOSTILE_${index}`, value])),
  LONG: 'y'.repeat(60_000),
  ...Object.fromEntries(
    [
      ...[
        'IFS',
        'OPTIND',
        'OPTARG',
        'UID',
        'EUID',
        'PPID',
        'LINENO',
        'ENV',
        'BASH_ENV',
        'OLDPWD',
        'PS1',
        'PS4',
      ],
      ...[
        'SHELLOPTS',
        'BASHOPTS',
        'RANDOM',
        'SECONDS',
        'HOSTNAME',
        'CDPATH',
        'TERM',
        'TZ',
        'LC_ALL',
        'id',
        'pid',
      ],
      ...['start', 'boot', 'line', 'code', 'group', 'groups', 'command', 'version', 'memory', 'cpu', 'ids'],
    ].map(name => [name, `own ${name}`]),
  ),
}

/** What `env -0` has printed. */
export function parseVariables(output: string): Record<string, string> {
  return Object.fromEntries(
    output.split('\0').map(entry => {
      const equals = entry.indexOf('=')
      return [entry.slice(0, equals), entry.slice(equals + 1)]
    }),
  )
}
