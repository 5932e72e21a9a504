/** What an operator counts for what clusters take. Nobody is charged here. */
export interface Price {
  /** In {@link currency}, for one CPU for one hour. */
  readonly coreHour: number
  /** For one GiB of memory for one hour. */
  readonly gibHour: number
  readonly currency: string
}

export interface Cost {
  readonly amount: number
  readonly currency: string
}

/** To the hundredth of a cent. `null` without a price. */
export function costOf(
  price: Price | undefined,
  { coreHours, gibHours }: { coreHours: number; gibHours: number },
): Cost | null {
  if (price === undefined) return null
  const amount = coreHours * price.coreHour + gibHours * price.gibHour
  return { amount: Math.round(amount * 1e4) / 1e4, currency: price.currency }
}
