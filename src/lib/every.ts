/**
 * Does `work` every so many milliseconds, one at a time: a moment that comes while it is still done is left out. Gives
 * what ends it and waits for what is under way. `work` never rejects.
 */
export function every(ms: number, work: () => Promise<void>): { now(): void; stop(): Promise<void> } {
  let running: Promise<void> | undefined
  const now = () => {
    running ??= work().finally(() => {
      running = undefined
    })
  }
  const timer = setInterval(now, ms).unref()
  return {
    now,
    stop: async () => {
      clearInterval(timer)
      await running
    },
  }
}
