// Which room may import which, as ARCHITECTURE.md says. Types count: a type of another room is knowledge of it.

/** What each room may import besides itself. */
const ROOMS = {
  domain: [],
  lib: [],
  database: ['domain', 'lib'],
  // Of the launchers the contract alone; see below.
  service: ['database', 'domain', 'lib', 'launchers'],
  reconcile: ['database', 'domain', 'lib', 'launchers'],
  api: ['service', 'domain', 'lib'],
  launchers: ['domain', 'lib'],
  client: [],
  dashboard: ['client', 'lib'],
}

const rooms = Object.entries(ROOMS).map(([room, others]) => ({
  name: `${room}-imports`,
  comment: `src/${room} may import only ${[room, ...others].join(', ')}.`,
  severity: 'error',
  from: { path: `^src/${room}/`, pathNot: '[.]test[.]ts$' },
  to: { path: '^(src|test|scripts|bench)/', pathNot: `^src/(${[room, ...others].join('|')})/` },
}))

module.exports = {
  forbidden: [
    ...rooms,
    {
      name: 'cli-imports',
      comment:
        'The command is a client like any other, and calls serve.ts and operate.ts; it knows nothing of what is behind them.',
      severity: 'error',
      from: { path: '^src/cli/' },
      to: {
        path: '^(src|test|scripts|bench)/',
        pathNot: '^src/((cli|client|domain|lib)/|(serve|operate|config)[.]ts$)',
      },
    },
    {
      name: 'launchers-by-their-contract',
      comment: 'Only serve.ts and operate.ts know which engine there is.',
      severity: 'error',
      from: { path: '^src/(service|reconcile)/', pathNot: '[.]test[.]ts$' },
      to: { path: '^src/launchers/', pathNot: '^src/launchers/launcher[.]ts$' },
    },
    {
      name: 'no-launcher-knows-another',
      severity: 'error',
      from: { path: '^src/launchers/([^/]+)/' },
      to: { path: '^src/launchers/[^/]+/', pathNot: '^src/launchers/$1/' },
    },
    {
      name: 'runtimes-imports',
      severity: 'error',
      from: { path: '^src/runtimes[.]ts$' },
      to: { path: '^src/', pathNot: '^src/(domain|lib)/' },
    },
    {
      name: 'config-imports',
      severity: 'error',
      from: { path: '^src/config[.]ts$' },
      to: {
        path: '^src/',
        pathNot:
          '^src/((domain|lib|database)/|launchers/[^/]+/settings[.]ts$|(settings|setting-sources|own-runtimes)[.]ts$)',
      },
    },
    {
      name: 'config-imports-types-of-database',
      severity: 'error',
      from: { path: '^src/config[.]ts$' },
      to: { path: '^src/database/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'who-imports-config',
      comment: 'The others get what they need of the settings as arguments.',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot:
          '^src/((serve|engine|exposure|operate|conformance|config[.]test)[.]ts|cli/commands/serve[.]ts)$',
      },
      to: { path: '^src/config[.]ts$' },
    },
    {
      name: 'sources-import-sources',
      severity: 'error',
      from: { path: '^src/', pathNot: '[.]test[.]ts$' },
      to: { path: '^(test|scripts|bench)/' },
    },
    { name: 'no-cycle', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'no-dev-dependency',
      comment: 'It would be missing where the package is installed. The dashboard comes bundled.',
      severity: 'error',
      from: { path: '^src/', pathNot: '[.]test[.]ts$|^src/dashboard/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: '(^|/)(node_modules|dist)/' },
    exclude: { path: '^dist/' },
    // Newer than Node 20, which has none and takes its twin from npm.
    builtInModules: { add: ['node:sqlite'] },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
}
