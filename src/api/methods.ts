import type { FastifyInstance } from 'fastify'

interface Pattern {
  readonly matches: RegExp
  /** Asked when it is needed: a scope may open its routes after we have heard of them. */
  readonly isOpen: () => boolean
  readonly methods: Set<string>
}

/** Which methods each address takes: what Fastify's router does not tell, for 405, `Allow` and OPTIONS. */
export class AllowedMethods {
  readonly #patterns = new Map<string, Pattern>()

  /** Listens to the routes that are added to the app from now on. */
  constructor(app: FastifyInstance) {
    app.addHook('onRoute', route => {
      const { url, method } = route
      const pattern = this.#patterns.get(url) ?? {
        matches: toRegExp(url),
        isOpen: () => route.config?.open === true,
        methods: new Set(['OPTIONS']),
      }
      for (const one of [method].flat()) pattern.methods.add(one)
      this.#patterns.set(url, pattern)
    })
  }

  /** `undefined` when there is nothing at this address. */
  find(url: string): { readonly open: boolean; readonly allow: string } | undefined {
    const [rawPath = ''] = url.split('?', 1)
    const path = decodeSegments(rawPath)
    for (const { matches, isOpen, methods } of this.#patterns.values()) {
      if (matches.test(path)) return { open: isOpen(), allow: [...methods].toSorted().join(', ') }
    }
    return undefined
  }
}

/** As the router reads it; a slash that was encoded stays one that separates nothing. */
function decodeSegments(path: string): string {
  if (!path.includes('%')) return path
  return path
    .split('/')
    .map(segment => decodeURIComponent(segment).replaceAll('/', '%2f'))
    .join('/')
}

function toRegExp(url: string): RegExp {
  const source = url
    .replace(/\/$/, '')
    .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replace(/:[A-Za-z]+/g, '[^/]+')
    .replace(/\*/g, '.*')
  return new RegExp(`^${source}/?$`)
}
