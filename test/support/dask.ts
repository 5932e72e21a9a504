import { execFile, execFileSync } from 'node:child_process'
import { promisify } from 'node:util'

/** Debian's own Python, which sees Debian's packages; another one that comes first in PATH does not. */
export const DASK_PYTHON = '/usr/bin/python3'

/** Whether a Dask client can be had here; in Debian it is the package python3-distributed. */
export function hasDask(): boolean {
  try {
    execFileSync(DASK_PYTHON, ['-c', 'import distributed'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const COMPUTE = `
import sys
from distributed import Client, Security
address, workers, pem = sys.argv[1], int(sys.argv[2]), sys.argv[3]
tls = Security(require_encryption=True, tls_ca_file=pem, tls_client_cert=pem, tls_client_key=pem) if pem else None
with Client(address, security=tls, timeout=20) as client:
    client.wait_for_workers(workers, timeout=20)
    squares = client.map(lambda x: x * x, range(100))
    print(client.submit(sum, squares).result(timeout=20), len(client.scheduler_info()["workers"]))
`

/** A real client that computes on a cluster: what it printed. `pem`: the path of the cluster's credentials. */
export async function computeOnDask(address: string, workers: number, pem = ''): Promise<string> {
  const { stdout } = await promisify(execFile)(DASK_PYTHON, ['-c', COMPUTE, address, String(workers), pem])
  return stdout.trim()
}
