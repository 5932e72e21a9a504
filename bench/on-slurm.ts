import { hasSlurm } from '../test/support/slurm.ts'
import { runScriptOnAllCores } from './processes.ts'
import { times, type Line } from './report.ts'
import type { SlurmFigures } from './slurm.ts'

/** Nothing where there is no Slurm. */
export async function measureOnSlurm(rounds: number): Promise<Line[]> {
  if (!hasSlurm()) {
    process.stdout.write('nothing is measured on Slurm: there is none here (Debian: slurm-wlm and munge)\n')
    return []
  }
  const output = await runScriptOnAllCores('bench/slurm.ts', String(rounds))
  const { one, many, callsPerMinute, running } = JSON.parse(output) as SlurmFigures
  return [
    {
      what: `Slurm: POST to running of a cluster of 1 worker, to bare sbatch until the same job runs${times(one)}`,
      figure: one.ratio,
      unit: 'times',
      goal: 1.2,
      least: true,
    },
    {
      what: `Slurm: POST to running of a cluster of 100 workers, to bare sbatch of an array of 100${times(many)}`,
      figure: many.ratio,
      unit: 'times',
      goal: 1.2,
      least: true,
    },
    // Nobody has set a goal: a site's own tools ask every few seconds.
    {
      what: `Slurm: squeue calls over 1,000 live workers, of which ${running} run and the others wait`,
      figure: callsPerMinute,
      unit: 'a minute',
      goal: 20,
      least: true,
    },
  ]
}
