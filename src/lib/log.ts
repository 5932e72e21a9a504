import { pino, type Logger } from 'pino'

export type Log = Logger

/**
 * JSON lines on standard error, which leaves standard output to what a command prints. Whoever logs names
 * its fields; nothing that a client sent goes in as a whole.
 */
export function createLog(level: string): Log {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination(2))
}
