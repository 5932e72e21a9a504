import { expect, test } from 'vitest'
import { findHierarchies } from './hierarchies.ts'

const mount = (root: string, path: string, type: string, options: string, device = path) =>
  `35 31 ${device} ${root} ${path} rw,relatime shared:9 - ${type} ${type} ${options}`

test('version 1: each tree with what it limits, and where ours may be, the best first', () => {
  const mounts = [
    '22 27 0:21 / /proc rw - proc proc rw',
    mount('/', '/sys/fs/cgroup/memory', 'cgroup', 'rw,memory'),
    mount('/', '/sys/fs/cgroup/cpu,cpuacct', 'cgroup', 'rw,cpu,cpuacct'),
    mount('/', '/sys/fs/cgroup/systemd', 'cgroup', 'rw,xattr,name=systemd'),
    '',
  ].join('\n')
  const own = '4:memory:/user/one\n3:cpu,cpuacct:/\n1:name=systemd:/x\n0::/\n'
  expect(findHierarchies(mounts, own)).toEqual([
    {
      version: 1,
      controllers: ['memory'],
      candidates: ['/sys/fs/cgroup/memory', '/sys/fs/cgroup/memory/user', '/sys/fs/cgroup/memory/user/one'],
      own: '/sys/fs/cgroup/memory/user/one',
    },
    {
      version: 1,
      controllers: ['cpu', 'cpuacct'],
      candidates: ['/sys/fs/cgroup/cpu,cpuacct'],
      own: '/sys/fs/cgroup/cpu,cpuacct',
    },
  ])
})

test('version 2: one tree', () => {
  const mounts = mount('/', '/sys/fs/cgroup', 'cgroup2', 'rw,nsdelegate')
  expect(findHierarchies(mounts, '0::/system.slice/clusters.service\n')).toEqual([
    {
      version: 2,
      controllers: [],
      candidates: [
        '/sys/fs/cgroup',
        '/sys/fs/cgroup/system.slice',
        '/sys/fs/cgroup/system.slice/clusters.service',
      ],
      own: '/sys/fs/cgroup/system.slice/clusters.service',
    },
  ])
})

test('in a container that sees a part of the tree, only what is in that part', () => {
  const mounts = mount('/docker/abc', '/sys/fs/cgroup', 'cgroup2', 'rw')
  expect(findHierarchies(mounts, '0::/docker/abc/inner\n')[0]?.candidates).toEqual([
    '/sys/fs/cgroup',
    '/sys/fs/cgroup/inner',
  ])
  expect(findHierarchies(mounts, '0::/docker/abc\n')).toMatchObject([
    { candidates: ['/sys/fs/cgroup'], own: '/sys/fs/cgroup' },
  ])
  expect(findHierarchies(mounts, '0::/elsewhere\n')).toMatchObject([
    { candidates: ['/sys/fs/cgroup'], own: undefined },
  ])
})

test('a tree that is mounted twice is one tree', () => {
  const mounts = ['/sys/fs/cgroup/memory', '/mnt/memory'].map(path =>
    mount('/', path, 'cgroup', 'rw,memory', '0:32'),
  )
  expect(findHierarchies(mounts.join('\n'), '4:memory:/\n')).toMatchObject([
    { controllers: ['memory'], candidates: ['/sys/fs/cgroup/memory'] },
  ])
})

test('no place with a space in it: a shell is told it in a list', () => {
  expect(findHierarchies(mount('/', '/a\\040b', 'cgroup2', 'rw'), '0::/\n')).toEqual([])
  expect(findHierarchies(mount('/', '/c', 'cgroup2', 'rw'), '0::/a b/c\n')[0]?.candidates).toEqual(['/c'])
})

test('nothing where there is nothing', () => {
  expect(findHierarchies('', '')).toEqual([])
})
