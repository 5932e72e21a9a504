import { InvalidArgumentError } from 'commander'
import { CLUSTER_STATUSES, type ClusterStatus } from '../domain/cluster.ts'
import { DURATION_UNITS } from '../lib/duration.ts'

/** How values are written on the command line, and told to people. */

/** Seconds, from `90`, `90s`, `30m`, `2h` or `7d`. */
export function parseDuration(text: string): number {
  const [, amount, unit = 's'] = /^(\d+)([smhd]?)$/.exec(text) ?? []
  if (amount === undefined) throw new InvalidArgumentError('It is a time such as 90s, 30m, 2h or 7d.')
  const factor = Object.entries(DURATION_UNITS).find(([name]) => name === unit)?.[1] ?? 1
  return Number(amount) * factor
}

const two = (number: number) => String(number).padStart(2, '0')

/** Local time to the second, as people write it down. */
export function formatTime(timestamp: string): string {
  const date = new Date(timestamp)
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-')
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')}`
}

export function parseNumber(text: string): number {
  const number = Number(text)
  if (text.trim() === '' || !Number.isFinite(number)) throw new InvalidArgumentError('It is a number.')
  return number
}

export function parseWhole(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It is a whole number.')
  return Number(text)
}

export function parseStatus(text: string): ClusterStatus {
  const status = CLUSTER_STATUSES.find(each => each === text)
  if (status === undefined) throw new InvalidArgumentError(`It is one of ${CLUSTER_STATUSES.join(', ')}.`)
  return status
}

/** `NAME=VALUE`, once for each variable. */
export function collectVariable(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const [, name, value = ''] = /^([^=]+)=(.*)$/s.exec(text) ?? []
  if (name === undefined) throw new InvalidArgumentError('It is written NAME=VALUE.')
  return { ...before, [name]: value }
}

/** To two digits after the point, and without them where they are zeros. */
export function formatAmount(amount: number): string {
  return String(Math.round(amount * 100) / 100)
}
