import { useEffect, useState } from 'react'

/** The time now, told again every so many milliseconds. */
export function useNow(everyMs = 1000): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    const timer = setInterval(() => {
      setNow(Date.now())
    }, everyMs)
    return () => {
      clearInterval(timer)
    }
  }, [everyMs])
  return now
}

const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' })

export function formatMoment(timestamp: string): string {
  return MOMENT.format(new Date(timestamp))
}

/** Without the day, where that is today. */
export function formatClock(timestamp: string, now: number): string {
  const date = new Date(timestamp)
  return date.toDateString() === new Date(now).toDateString() ? CLOCK.format(date) : MOMENT.format(date)
}

/** This month as the API writes it, in UTC. */
export function thisMonth(): string {
  return new Date().toISOString().slice(0, 7)
}

/** A month so many before or after. */
export function addMonths(month: string, months: number): string {
  const date = new Date(`${month}-01T00:00:00Z`)
  date.setUTCMonth(date.getUTCMonth() + months)
  return date.toISOString().slice(0, 7)
}
