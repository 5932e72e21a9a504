import { useState, type PointerEvent } from 'react'
import { formatMoment } from './time.ts'
import { formatAmount } from './words.ts'

interface Point {
  readonly at: number
  readonly value: number
}

/** In units of the drawing, which is as wide as its place. */
const WIDTH = 600
const HEIGHT = 150
const [LEFT, TOP, BOTTOM] = [0, 8, 6]
const TICKS = 3

/**
 * An amount over time as an area. A library for charts would be a fifth of the page, for two such drawings.
 * `times` are milliseconds; where a value is `null` nothing is drawn.
 */
export function Chart({
  title,
  asked,
  times,
  values,
}: {
  title: string
  asked: number
  times: readonly number[]
  values: readonly (number | null)[]
}) {
  const [shown, setShown] = useState<Point>()
  const points = times.flatMap((at, index): Point[] => {
    const value = values[index] ?? null
    return value === null ? [] : [{ at, value }]
  })
  const [first, last] = [points[0], points.at(-1)]
  if (first === undefined || last === undefined) return null
  const top = roundUp(Math.max(...points.map(({ value }) => value)))
  const x = (at: number) => LEFT + ((at - first.at) / Math.max(1, last.at - first.at)) * (WIDTH - LEFT)
  const y = (value: number) => TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM)
  const line = points.map(({ at, value }) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(' ')
  const show = ({ currentTarget, clientX }: PointerEvent<SVGSVGElement>) => {
    const { left, width } = currentTarget.getBoundingClientRect()
    const at = first.at + ((clientX - left) / width) * (last.at - first.at)
    setShown(points.reduce((best, each) => (Math.abs(each.at - at) < Math.abs(best.at - at) ? each : best)))
  }
  const { at, value } = shown ?? last
  return (
    <figure>
      <figcaption>
        {title}
        <small>
          {shown === undefined ? 'last' : formatMoment(new Date(at).toISOString())}: {formatAmount(value)} of{' '}
          {formatAmount(asked)}
        </small>
      </figcaption>
      <div className="chart">
        <div className="ticks" aria-hidden="true">
          {Array.from({ length: TICKS }, (_, index) => (
            <span key={index}>{formatAmount((top * (TICKS - 1 - index)) / (TICKS - 1))}</span>
          ))}
        </div>
        <svg
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={`${title} over time, from ${formatAmount(first.value)} to ${formatAmount(last.value)}`}
          onPointerMove={show}
          onPointerLeave={() => {
            setShown(undefined)
          }}
        >
          {Array.from({ length: TICKS }, (_, index) => (
            <line
              key={index}
              x1="0"
              x2={WIDTH}
              y1={y((top * index) / (TICKS - 1))}
              y2={y((top * index) / (TICKS - 1))}
              className="grid"
            />
          ))}
          <polygon points={`${x(first.at)},${y(0)} ${line} ${x(last.at)},${y(0)}`} className="area" />
          <polyline points={line} className="line" />
          {shown === undefined ? null : <line x1={x(at)} x2={x(at)} y1="0" y2={HEIGHT} className="cursor" />}
        </svg>
      </div>
    </figure>
  )
}

/** To 1, 2 or 5 times a power of ten. */
function roundUp(most: number): number {
  if (most <= 0) return 1
  const power = 10 ** Math.floor(Math.log10(most))
  return ([1, 2, 5].find(step => step * power >= most) ?? 10) * power
}
