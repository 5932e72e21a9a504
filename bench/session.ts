import type { Server } from './processes.ts'

/** What a user of a server sends: logged in as one of the sample users. */
export interface Session {
  readonly headers: Readonly<Record<string, string>>
}

export async function logIn(server: Server, username = 'alice'): Promise<Session> {
  const login = `${server.url}/token/login`
  const start = await fetch(login)
  const cookie = start.headers.get('set-cookie')?.split(';')[0] ?? ''
  const answer = await fetch(login, {
    method: 'POST',
    headers: {
      cookie,
      'x-csrf-token': cookie.replace('csrftoken=', ''),
      'content-type': 'application/json',
    },
    body: JSON.stringify({ username, password: 'hunter2' }),
  })
  const { auth_token: token } = (await answer.json()) as { auth_token: string }
  return { headers: { authorization: `Token ${token}`, 'content-type': 'application/json' } }
}

export const CLUSTER_REQUEST = JSON.stringify({ creator: 1, cpus: 10, memory: 10 })

/** Creates `count` clusters; the bytes of one as it is answered. */
export async function createClusters(server: Server, session: Session, count: number): Promise<number> {
  let bytes = 0
  const batch = 64
  for (let done = 0; done < count; done += batch) {
    const answers = Array.from({ length: Math.min(batch, count - done) }, async () => {
      const answer = await fetch(`${server.url}/clusters`, {
        method: 'POST',
        headers: session.headers,
        body: CLUSTER_REQUEST,
      })
      if (answer.status !== 201) throw new Error(await answer.text())
      return (await answer.text()).length
    })
    bytes = Math.max(...(await Promise.all(answers)))
  }
  return bytes
}

/** Logs in again and again, `clients` at a time, until `stopped` says so; resolves to how often. */
export async function logInWithoutPause(
  server: Server,
  clients: number,
  stopped: () => boolean,
): Promise<number> {
  let count = 0
  const client = async () => {
    while (!stopped()) {
      await logIn(server)
      count += 1
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  return count
}
