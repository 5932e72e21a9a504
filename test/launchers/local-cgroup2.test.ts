import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import { Cgroups } from '../../src/launchers/local/cgroups.ts'
import { isRoot, isRunning, waitUntil } from './local-engine.ts'

/** Beside version 1 it may limit nothing, but it always tells whose a process is, and kills. */
const mount = readFileSync('/proc/self/mountinfo', 'utf8')
  .split('\n')
  .find(line => line.includes(' - cgroup2 '))

describe.skipIf(!isRoot || mount === undefined)(
  'version 2 (skipped without root or where it is not mounted)',
  () => {
    const cgroups = Cgroups.open(`test${process.pid}`, mount)
    afterAll(() => {
      cgroups.close()
    })

    test('has one folder for everything', () => {
      expect(cgroups.version).toBe(2)
      expect(cgroups.folders).toHaveLength(1)
      expect(cgroups.folderOf('cpuacct')).toBeUndefined()
    })

    test('knows every process of a group, also in groups that it made itself, and kills them at once', async () => {
      await cgroups.create('w1', { cpus: 1, memory: 1, processes: 100 })
      const [folder = ''] = cgroups.folders
      mkdirSync(`${folder}/w1/inner`)
      const children = ['w1', 'w1/inner'].map(group => {
        const child = spawn('sh', ['-c', 'trap "" TERM; sleep 1000 & wait'], {
          stdio: 'ignore',
          detached: true,
        })
        writeFileSync(`${folder}/${group}/cgroup.procs`, String(child.pid))
        return child
      })
      const exits = children.map(child => once(child, 'exit'))
      await waitUntil('all are there', () => (cgroups.listPids('w1') ?? []).length >= 2)
      expect(cgroups.listIds()).toEqual(['w1'])
      expect(cgroups.remove('w1'), 'not while something runs').toBe(false)
      cgroups.kill('w1')
      await Promise.all(exits)
      await waitUntil('nothing of it runs', () => !(cgroups.listPids('w1') ?? []).some(isRunning))
      await waitUntil('it can be removed', () => cgroups.remove('w1'))
      expect(existsSync(`${folder}/w1`)).toBe(false)
      expect(cgroups.listPids('w1')).toBeUndefined()
    })
  },
)
