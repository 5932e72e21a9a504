/** One setting. Its name in the file is its key, in the environment `CLUSTERS_` and the key in capitals. */
export interface Setting<Value> {
  readonly default: Value
  /** Completes "NAME must be ...". */
  readonly allowed: string
  /** `undefined`: the text is wrong. */
  readonly parse: (text: string) => Value | undefined
}

export const setting = <Value>(definition: Setting<Value>): Setting<Value> => definition

/** What a set of settings becomes when it is read. */
export type ValuesOf<Settings extends Readonly<Record<string, { readonly default: unknown }>>> = {
  readonly [K in keyof Settings]: Settings[K]['default']
}

export function parseWhole(text: string, least: number, most: number): number | undefined {
  if (!/^\d{1,9}$/.test(text)) return undefined
  const value = Number(text)
  return value >= least && value <= most ? value : undefined
}

export function parseAmount(text: string): number | undefined {
  return /^\d{1,9}(\.\d{1,6})?$/.test(text) ? Number(text) : undefined
}

export function parseYesNo(text: string): boolean | undefined {
  return text === 'yes' ? true : text === 'no' ? false : undefined
}
