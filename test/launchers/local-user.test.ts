import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { OperatorError } from '../../src/domain/errors.ts'
import {
  isRoot,
  launchOne,
  LocalStory,
  openLocal,
  readLog,
  specOf,
  terminateWholly,
  waitForEnd,
  waitForState,
  waitUntil,
} from './local-engine.ts'

const stories: LocalStory[] = []
afterEach(async () => {
  for (const story of stories.splice(0)) await story.end()
})
function tell(changes: ConstructorParameters<typeof LocalStory>[0] = {}): LocalStory {
  const story = new LocalStory(changes)
  stories.push(story)
  return story
}

describe.skipIf(!isRoot)('as another user (only root can)', () => {
  const settings = { user: 'nobody' }

  async function run(script: string, environment = {}): Promise<string> {
    const launcher = await tell({ settings }).open()
    const id = await launchOne(launcher, ['sh', '-c', script], { environment })
    await waitForEnd(launcher, id)
    return await readLog(launcher, id)
  }

  test('a worker is that user, with its groups and nothing of root', async () => {
    const output = await run(
      'id -un; id -Gn; grep -E "^(CapEff|CapPrm|CapInh|NoNewPrivs):" /proc/self/status; env',
    )
    expect(output).toMatch(/^nobody\nnogroup\n/)
    expect(output).toMatch(/CapInh:\s0+\nCapPrm:\s0+\nCapEff:\s0+\nNoNewPrivs:\s1\n/)
    expect(output).toContain('USER=nobody\n')
    expect(output).toContain('LOGNAME=nobody\n')
  })

  test('it can work in its folder, which is its own, and see nothing of the others', async () => {
    const story = tell({ settings })
    const launcher = await story.open()
    const other = await launchOne(launcher, ['true'], { environment: { SECRET: 'swordfish' } })
    await waitForEnd(launcher, other)
    const script =
      'echo text > file && cat file && mkdir a && cd a && echo deep > b && cat "$PWD/../a/b"; ls ../..; ' +
      `cat ${story.folder}/home ${story.path(other, 'order')}; echo x > ${story.path(other, 'started')}`
    const id = await launchOne(launcher, ['sh', '-c', script])
    await waitForEnd(launcher, id)
    const output = await readLog(launcher, id)
    expect(output).toMatch(/^text\ndeep\n/)
    expect(output).not.toContain('swordfish')
    expect(output.match(/Permission denied/g)).toHaveLength(4)
  })

  test('what it does not get by its environment it does not get while we are root', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'clusters-trap-'))
    for (const name of ['setsid', 'setpriv', 'sh', 'env']) {
      writeFileSync(
        join(folder, name),
        `#!/bin/bash\n[ $UID != 0 ] || echo root > ${folder}/caught\nexec /usr/bin/${name} "$@"\n`,
        { mode: 0o755 },
      )
    }
    execFileSync('chmod', ['0777', folder])
    const environment = {
      PATH: `${folder}:/usr/bin:/bin`,
      ENV: `${folder}/env`,
      BASH_ENV: `${folder}/env`,
      LD_PRELOAD: `${folder}/x.so`,
    }
    await run('id -u', environment)
    expect(readdirSync(folder)).not.toContain('caught')
    rmSync(folder, { recursive: true })
  })

  test('what it leaves is removed, whatever its permissions, and a link in it is not followed', async () => {
    const outside = mkdtempSync(join(tmpdir(), 'clusters-outside-'))
    writeFileSync(join(outside, 'file'), 'kept')
    const story = tell({ settings })
    const launcher = await story.open()
    const script = `mkdir -p a/b/c && touch a/b/c/f && ln -s ${outside} a/link && chmod 0 a/b/c && chmod 500 a; exec sleep 1000`
    const id = await launchOne(launcher, ['sh', '-c', script])
    await waitForState(launcher, id, 'started')
    await terminateWholly(launcher, id)
    await waitUntil('its folder is gone', () => !readdirSync(story.folder).some(name => name.includes(id)))
    expect(readdirSync(outside)).toEqual(['file'])
    rmSync(outside, { recursive: true })
  })

  test('what it leaves is deleted as that user: what that user may not delete stays, and is told', async () => {
    const warnings: string[] = []
    const story = tell({ settings, onWarning: message => warnings.push(message) })
    const launcher = await story.open()
    const id = await launchOne(launcher, ['sh', '-c', 'mkdir -p own; exec sleep 1000'])
    await waitForState(launcher, id, 'started')
    const work = join(launcher.home.replace('local:', '/var/tmp/clusters-'), id)
    // Stands for where a link leads that is put into the folder while it is being deleted.
    mkdirSync(join(work, 'of-root'), { mode: 0o700 })
    writeFileSync(join(work, 'of-root', 'file'), 'kept')
    await terminateWholly(launcher, id)
    await waitUntil('it is told', () => warnings.length > 0)
    expect(warnings[0]).toMatch(/cannot be deleted \(ENOTEMPTY\); the next end tries again\.$/)
    expect(readdirSync(work)).toEqual(['of-root'])
    expect(readdirSync(join(work, 'of-root'))).toEqual(['file'])
  })

  test('an unknown user is refused at the start', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'clusters-local-'))
    await expect(openLocal(folder, { settings: { user: 'no-such-user' } })).rejects.toThrow(
      new OperatorError('CLUSTERS_LOCAL_USER is no-such-user, which is no user of this machine.'),
    )
    rmSync(folder, { recursive: true })
  })
})

describe.skipIf(!isRoot)('on a disk of its own (only root can mount one)', () => {
  const mounts: string[] = []
  afterEach(() => {
    for (const folder of mounts.splice(0)) execFileSync('sh', ['-c', 'umount -l "$0"', folder])
  })
  function mount(options: string): string {
    const folder = mkdtempSync(join(tmpdir(), 'clusters-disk-'))
    execFileSync('sh', ['-c', 'mount -t tmpfs -o "$0" tmpfs "$1"', options, folder])
    mounts.push(folder)
    return folder
  }

  test('a launch on a full disk is refused with where, and leaves nothing; with room it goes on', async () => {
    const disk = mount('size=1m')
    const folder = join(disk, 'workers')
    const launcher = await openLocal(folder)
    expect(() => {
      writeFileSync(join(disk, 'ballast'), Buffer.alloc(2 * 1024 ** 2))
    }).toThrow(/ENOSPC/)
    const spec = specOf(['true'])
    expect(await launcher.launch([spec])).toEqual([
      { kind: 'refused', message: `The folder ${folder} is full (ENOSPC): free space there.` },
    ])
    expect((await launcher.list([spec.id])).gone).toEqual(new Set([spec.id]))
    expect(readdirSync(folder)).not.toContain(spec.id)
    rmSync(join(disk, 'ballast'))
    const id = await launchOne(launcher, ['sh', '-c', 'exit 4'])
    expect(await waitForEnd(launcher, id)).toMatchObject({ exitCode: 4 })
    await terminateWholly(launcher, id)
    await launcher.close()
  })

  test('how a worker ended while the disk was full is told as soon as there is room', async () => {
    const disk = mount('size=1m')
    const launcher = await openLocal(join(disk, 'workers'))
    const id = await launchOne(launcher, ['sh', '-c', 'sleep 0.5; exit 6'])
    await waitForState(launcher, id, 'started')
    expect(() => {
      writeFileSync(join(disk, 'ballast'), Buffer.alloc(2 * 1024 ** 2))
    }).toThrow(/ENOSPC/)
    await new Promise(resolve => setTimeout(resolve, 1000))
    expect((await launcher.list([id])).gone, 'not forgotten').toEqual(new Set())
    rmSync(join(disk, 'ballast'))
    expect(await waitForEnd(launcher, id)).toMatchObject({ exitCode: 6 })
    await terminateWholly(launcher, id)
    await launcher.close()
  })

  test('a launch on a read-only disk is refused with where', async () => {
    const disk = mount('size=4m')
    const folder = join(disk, 'workers')
    const launcher = await openLocal(folder)
    execFileSync('sh', ['-c', 'mount -o remount,ro "$0"', disk])
    const [outcome] = await launcher.launch([specOf(['true'])])
    expect(outcome).toEqual({
      kind: 'refused',
      message: `The folder ${folder} is read-only (EROFS): mount it to be written.`,
    })
    await expect(openLocal(folder)).rejects.toThrow(
      new OperatorError(
        `The folder of the workers, ${folder}, cannot be written (EROFS): mend it, or set CLUSTERS_DATA_DIR.`,
      ),
    )
    execFileSync('sh', ['-c', 'mount -o remount,rw "$0"', disk])
    const id = await launchOne(launcher, ['sh', '-c', 'exit 4'])
    expect(await waitForEnd(launcher, id)).toMatchObject({ exitCode: 4 })
    await terminateWholly(launcher, id)
    await launcher.close()
  })
})

test('a folder that is a file is refused at the start', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'clusters-local-'))
  const path = join(folder, 'file')
  writeFileSync(path, '')
  await expect(openLocal(path)).rejects.toThrow(
    /^The folder of the workers, .*file, cannot be written \(\w+\): /,
  )
  rmSync(folder, { recursive: true })
})

test('the folder is for us alone, and so is everything in it', async () => {
  const story = tell()
  const launcher = await story.open()
  const id = await launchOne(launcher, ['true'], { environment: { SECRET: 'swordfish' } })
  await waitForEnd(launcher, id)
  expect(statSync(story.path(id)).mode & 0o777).toBe(0o700)
  expect(statSync(story.path(id, 'order')).mode & 0o777).toBe(0o600)
  expect(statSync(join(story.folder, 'home')).mode & 0o777).toBe(0o600)
})

test('two that open a new home at once agree on it', async () => {
  const folder = join(mkdtempSync(join(tmpdir(), 'clusters-local-')), 'workers')
  const launchers = await Promise.all(Array.from({ length: 8 }, () => openLocal(folder)))
  expect(new Set(launchers.map(({ home }) => home)).size).toBe(1)
  for (const launcher of launchers) await launcher.close()
  rmSync(join(folder, '..'), { recursive: true })
})

test('a worker that is launched twice runs once', async () => {
  const story = tell()
  const launcher = await story.open()
  const spec = specOf(['sh', '-c', 'echo once'])
  expect(await launcher.launch([spec])).toEqual([{ kind: 'asked' }])
  expect(await launcher.launch([spec])).toEqual([{ kind: 'asked' }])
  await waitForEnd(launcher, spec.id)
  expect(await readLog(launcher, spec.id)).toBe('once\n')
})
