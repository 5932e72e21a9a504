// Generated from openapi.json by "npm run generate".
export interface paths {
    "/healthz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the process answers */
        get: operations["getHealth"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the server can do its work: its database answers */
        get: operations["getReadiness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This document */
        get: operations["getOpenApi"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/problems/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What a kind of problem means, and how to mend it */
        get: operations["getProblemPage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/token/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get the CSRF value that a login needs */
        get: operations["startLogin"];
        put?: never;
        /**
         * Log in with user name and password
         * @description Needs the cookie of `GET /token/login`, and its value in the header `X-CSRF-Token` (or `X-CSRFToken`). The token is valid for 30 days.
         */
        post: operations["login"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Log in a page: the token is kept in a cookie
         * @description Needs the cookie of `GET /token/login`, and its value in the header `X-CSRF-Token` (or `X-CSRFToken`). The session is a token that no script can read, valid for 7 days; whatever is changed with it needs the CSRF value, too.
         */
        post: operations["startSession"];
        /** Log out: end the session, or revoke the token, that this request is made with */
        delete: operations["endSession"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/clusters": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List your clusters, the newest first */
        get: operations["listClusters"];
        put?: never;
        /**
         * Create a cluster
         * @description Answered once the cluster is on disk; it is launched afterwards. With the header `Idempotency-Key`, the same request sent again within 24 hours is answered as the first was, and nothing is created twice.
         */
        post: operations["createCluster"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/clusters/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Look up a cluster of yours
         * @description Anybody else’s is answered just as one that does not exist. With `wait_for` it is answered once the cluster has that status or cannot have it any more, and after `timeout` in any case.
         */
        get: operations["getCluster"];
        put?: never;
        post?: never;
        /**
         * Delete a cluster of yours
         * @description Once is enough: while workers of it run, it is stopped, and forgotten as soon as they are confirmed gone.
         */
        delete: operations["deleteCluster"];
        options?: never;
        head?: never;
        /**
         * Grow, shrink or rename a cluster of yours
         * @description Workers are launched or ended afterwards, those with the highest index first. A cluster that is stopping or has ended takes a new name only.
         */
        patch: operations["updateCluster"];
        trace?: never;
    };
    "/clusters/{id}/stop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Stop a cluster of yours
         * @description May be sent again. It is `stopping` until its workers are confirmed gone, and counts for your quota until then; where none runs it is `stopped` at once.
         */
        post: operations["stopCluster"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List what happened to your clusters, the newest first
         * @description Of all your clusters, those that are gone included. With `Accept: text/event-stream` it is a stream of server-sent events, whose `id` is the event’s number. It takes no `limit` and no `cursor`, and ends when the token is not valid any more.
         */
        get: operations["listEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/clusters/{id}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List what happened to a cluster of yours, the newest first
         * @description One event for every change of its status or reason. With `Accept: text/event-stream` it is a stream of server-sent events, whose `id` is the event’s number. It takes no `limit` and no `cursor`, and ends when the token is not valid any more. A stream ends with the cluster.
         */
        get: operations["listClusterEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/clusters/{id}/workers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the workers of a cluster of yours
         * @description The latest on each seat: the scheduler first where there is one, then by index.
         */
        get: operations["listWorkers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/clusters/{id}/credentials": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get what lets you, and nobody else, connect to a cluster of yours
         * @description The certificate of the cluster and its private key, as one file in PEM. Its workers have the same, and trust nothing else. There are none where the workers need none, and none before the first launch or after the end.
         */
        get: operations["getCredentials"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/clusters/{id}/logs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read what a worker of a cluster of yours prints
         * @description Standard output and error as they came, of the latest worker on its seat; empty before its launch. When a worker has ended, the last 64 KiB are kept for as long as the cluster.
         */
        get: operations["getLogs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/runtimes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List what this server can run, and how large
         * @description By what the engine said of itself within the last minute.
         */
        get: operations["listRuntimes"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/token/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Revoke the token that this request is made with */
        post: operations["logout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List your tokens, the newest first */
        get: operations["listTokens"];
        put?: never;
        /** Create a named token */
        post: operations["createToken"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/tokens/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Revoke a token of yours */
        delete: operations["deleteToken"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/clusters/{id}/usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Look up what a cluster took, and what of it was used */
        get: operations["getClusterUsage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Look up what your clusters took in a month
         * @description Deleted clusters count as well.
         */
        get: operations["getUsage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/users/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Look up yourself, your quota and what you use of it */
        get: operations["getMe"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What the server measures, for Prometheus */
        get: operations["getMetrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List all users, the newest first, with what they may use and do use */
        get: operations["listUsers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/users/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Set what a user may have at once
         * @description What is used above it goes on.
         */
        patch: operations["updateUser"];
        trace?: never;
    };
    "/admin/users/{id}/disable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Disable a user: no login, and every token is dead at once
         * @description Their clusters go on; stop those that should not.
         */
        post: operations["disableUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/users/{id}/enable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Enable a disabled user; tokens that have not expired work again */
        post: operations["enableUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/clusters": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the live clusters of everybody, the newest first, by what they take */
        get: operations["listAllClusters"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/clusters/{id}/stop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Stop a cluster of anybody
         * @description Its creator sees the reason `stopped_by_administrator`.
         */
        post: operations["stopAnyCluster"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/engine": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Look up how the engine does, and what all clusters together take */
        get: operations["getEngine"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Look up what each user took in a month */
        get: operations["getAllUsage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List what administrators did, the newest first */
        get: operations["listAudit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** State */
        State: {
            /** @enum {string} */
            status: "ok";
        };
        /** Problem */
        Problem: {
            /**
             * Format: uri-reference
             * @description What kind of problem, and where it is explained.
             */
            type: string;
            title: string;
            status: number;
            /** @description What is wrong with this request. */
            detail: string;
            /** @description The same as in the server’s log. */
            request_id: string;
            /** @description On 400 only: what is wrong, by field. */
            errors?: {
                [key: string]: string[];
            };
            /** @description Which limit of the quota. */
            limit?: string;
            used?: number;
            requested?: number;
            allowed?: number;
            /** @description The cluster that an idempotency key created. */
            cluster?: string;
        };
        /** OpenApi */
        OpenApi: {
            openapi: string;
        } & {
            [key: string]: unknown;
        };
        /** CsrfToken */
        CsrfToken: {
            csrf_token: string;
        };
        /** Credentials */
        Credentials: {
            username: string;
            /** Format: password */
            password: string;
        };
        /** AuthToken */
        AuthToken: {
            auth_token: string;
        };
        /** ClusterRequest */
        ClusterRequest: {
            /** @description Your own user id; `GET /users/me` tells it. */
            creator: number;
            /** @description CPUs per worker; may have a fraction. */
            cpus: number;
            /** @description GiB of memory per worker; may have a fraction. */
            memory: number;
            /** @description Need not be unique. */
            name?: string;
            /**
             * @description How many equal workers.
             * @default 1
             */
            workers?: number;
            /**
             * @description What the workers run. `GET /runtimes` lists them.
             * @default idle
             */
            runtime?: string;
            /** @description The program and its arguments, never run through a shell; at most 64 KiB in all. */
            command?: string[] | null;
            /** @description Variables of the workers; at most 64 KiB in all. Shown to nobody but the creator. */
            environment?: {
                [key: string]: string;
            };
            /** @description Ends the cluster when it was idle for so long, where the runtime can tell. */
            idle_timeout_seconds?: number | null;
            /** @description Ends the cluster so long after its start. */
            lifetime_seconds?: number | null;
        };
        /** Cluster */
        Cluster: {
            id: number;
            /** @description The id of the user who created it. */
            creator: number;
            /** @description CPUs per worker; may have a fraction. */
            cpus: number;
            /** @description GiB of memory per worker; may have a fraction. */
            memory: number;
            /** @description Need not be unique. */
            name: string;
            /** @description How many equal workers. */
            workers: number;
            /** @description What the workers run. */
            runtime: string;
            /** @description The program and its arguments, never run through a shell; at most 64 KiB in all. */
            command: string[] | null;
            /** @description Variables of the workers; at most 64 KiB in all. Shown to nobody but the creator. */
            environment: {
                [key: string]: string;
            };
            /**
             * @description Never goes back.
             * @enum {unknown}
             */
            status: "pending" | "starting" | "running" | "stopping" | "stopped" | "failed";
            /**
             * @description Why it has this status.
             * @enum {unknown}
             */
            reason: "none_configured" | "imported" | "waiting_for_capacity" | "launching" | "waiting_for_ready" | "ready" | "worker_lost" | "engine_unreachable" | "stopped_by_user" | "stopped_by_administrator" | "completed" | "idle_timeout" | "lifetime_reached" | "start_timeout" | "launch_refused" | "program_not_found" | "worker_exited" | "out_of_memory" | "crash_loop" | "node_failed" | "preempted" | "time_limit";
            /** @description The engine’s own words, and what to do. */
            message: string | null;
            /** @description What runs the workers. */
            engine: string;
            ready_workers: number;
            /** @description Where a client connects. */
            address: string | null;
            /** @description Ends the cluster when it was idle for so long, where the runtime can tell. */
            idle_timeout_seconds: number | null;
            /** @description Ends the cluster so long after its start. */
            lifetime_seconds: number | null;
            /**
             * Format: date-time
             * @description When its lifetime ends.
             */
            expires_at: string | null;
            /**
             * Format: date-time
             * @description When it was asked for.
             */
            created_at: string;
            /**
             * Format: date-time
             * @description When its first worker was placed.
             */
            started_at: string | null;
            /**
             * Format: date-time
             * @description When all workers had been ready.
             */
            ready_at: string | null;
            /**
             * Format: date-time
             * @description When it was confirmed gone.
             */
            ended_at: string | null;
        };
        /** ClusterChanges */
        ClusterChanges: {
            /** @description How many equal workers. */
            workers?: number;
            /** @description Need not be unique. */
            name?: string;
        };
        /** Event */
        Event: {
            /** @description Grows with every event of the server. */
            id: number;
            /** @description The id of the cluster, which may be gone by now. */
            cluster: number;
            /**
             * Format: date-time
             * @description When it happened.
             */
            at: string;
            /**
             * @description What the cluster was from then on.
             * @enum {unknown}
             */
            status: "pending" | "starting" | "running" | "stopping" | "stopped" | "failed";
            /** @enum {unknown} */
            reason: "none_configured" | "imported" | "waiting_for_capacity" | "launching" | "waiting_for_ready" | "ready" | "worker_lost" | "engine_unreachable" | "stopped_by_user" | "stopped_by_administrator" | "completed" | "idle_timeout" | "lifetime_reached" | "start_timeout" | "launch_refused" | "program_not_found" | "worker_exited" | "out_of_memory" | "crash_loop" | "node_failed" | "preempted" | "time_limit";
            /** @description The engine’s own words, and what to do. */
            message: string | null;
        };
        /** Worker */
        Worker: {
            /** @description Of this launch: a replacement has another one. */
            id: string;
            /** @description Its seat, from 0 on; a replacement sits on the same. */
            index: number;
            /**
             * @description The scheduler is the one extra worker of some runtimes.
             * @enum {unknown}
             */
            role: "scheduler" | "worker";
            /** @enum {unknown} */
            status: "launching" | "queued" | "placed" | "started" | "stopping" | "ended";
            /** @description The machine it has a place on. */
            node: string | null;
            exit_code: number | null;
            /** @description What ended it, such as `SIGKILL`. */
            signal: string | null;
            /**
             * @description Why it has ended.
             * @enum {unknown}
             */
            reason: "completed" | "worker_exited" | "program_not_found" | "out_of_memory" | "worker_lost" | "node_failed" | "preempted" | "time_limit" | "launch_refused" | "scheduler_replaced" | "scaled_down" | "cluster_stopped" | "never_started" | null;
            /** @description The engine’s own words, and what to do. */
            message: string | null;
            /** @description How many on this seat have failed in a row, this one included should it fail. */
            attempt: number;
            /**
             * Format: date-time
             * @description When it was launched.
             */
            created_at: string;
            /**
             * Format: date-time
             * @description When its program began.
             */
            started_at: string | null;
            /**
             * Format: date-time
             * @description When it was confirmed gone.
             */
            ended_at: string | null;
        };
        /** Runtime */
        Runtime: {
            name: string;
            description: string;
            /** @description Whether each cluster brings its own command; then it must. */
            takes_command: boolean;
            /** @description Whether it has one extra worker that the others connect to. */
            has_scheduler: boolean;
            /** @description Whether it takes `idle_timeout_seconds`. */
            can_tell_idleness: boolean;
            /** @description Whether it can run here now. */
            available: boolean;
            /** @description Why it cannot run here, and what to install. */
            message: string | null;
        };
        /** Offer */
        Offer: {
            /** @description What runs the workers; `none`: nothing is launched. */
            engine: string;
            /** @description The largest worker that can be placed. */
            largest_worker: {
                cpus: number;
                /** @description GiB. */
                memory: number;
            };
            /** @description What all clusters of this server share. `null`: no bound, or the engine keeps a queue of its own. */
            capacity: {
                /** @description `null`: no bound. */
                cpus: number | null;
                /** @description GiB; `null`: no bound. */
                memory: number | null;
            } | null;
            /** @description Whether a worker is really held to what it asked for. `null`: not known. */
            enforced: {
                cpus: boolean;
                memory: boolean;
            } | null;
            runtimes: components["schemas"]["Runtime"][];
            /** @description The most that any request may ask for. */
            limits: {
                cpus: number;
                /** @description GiB. */
                memory: number;
                workers: number;
                /** @description Of lifetime and idle timeout. */
                duration_seconds: number;
            };
        };
        /** Token */
        Token: {
            id: number;
            /** @description What it is for. */
            name: string;
            /** Format: date-time */
            created_at: string;
            /**
             * Format: date-time
             * @description `null`: valid until it is revoked.
             */
            expires_at: string | null;
            /**
             * Format: date-time
             * @description To the minute; `null`: never.
             */
            last_used_at: string | null;
            /** @description Whether this request was made with it. */
            current: boolean;
        };
        /** TokenRequest */
        TokenRequest: {
            /** @description What it is for. */
            name: string;
            /**
             * Format: date-time
             * @description In the future. Absent or `null`: valid until it is revoked.
             */
            expires_at?: string | null;
        };
        /** IssuedToken */
        IssuedToken: {
            id: number;
            /** @description What it is for. */
            name: string;
            /** Format: date-time */
            created_at: string;
            /**
             * Format: date-time
             * @description `null`: valid until it is revoked.
             */
            expires_at: string | null;
            /**
             * Format: date-time
             * @description To the minute; `null`: never.
             */
            last_used_at: string | null;
            /** @description The token itself, shown this once. */
            token: string;
        };
        /** Sample */
        Sample: {
            /** Format: date-time */
            at: string;
            /**
             * @description 1: the average of a minute. 60: the highest of an hour, once that is a day ago.
             * @enum {integer}
             */
            minutes: 1 | 60;
            /** @description All its workers together. */
            cpus: number | null;
            /** @description All its workers together. */
            memory_gib: number | null;
        };
        /** ClusterUsage */
        ClusterUsage: {
            cluster: number;
            /** @description CPUs of the workers, times the hours they had a place, used or not. */
            core_hours: number;
            /** @description GiB of the workers, times those hours. */
            gib_hours: number;
            /** @description CPU time of workers that ran then, over their whole life. `null`: the engine cannot tell. */
            used_core_hours: number | null;
            /** @description By the prices that the operator has set; `null` without any. */
            cost: {
                amount: number;
                currency: string;
            } | null;
            /** @description What all its workers together ask for. */
            requested: {
                cpus: number;
                memory_gib: number;
            };
            /** @description `null`: the engine cannot tell, or not yet. */
            peak: {
                /** @description The highest of all samples. */
                cpus: number | null;
                /** @description The highest of all samples. */
                memory_gib: number | null;
                /** @description The most that one worker ever had at once. */
                worker_memory_gib: number | null;
            };
            /** @description One a minute while it runs, the oldest first. */
            samples: components["schemas"]["Sample"][];
        };
        /** UsageOfOne */
        UsageOfOne: {
            cluster: number;
            /** @description `null`: it was deleted. */
            name: string | null;
            /** @description CPUs of the workers, times the hours they had a place, used or not. */
            core_hours: number;
            /** @description GiB of the workers, times those hours. */
            gib_hours: number;
            /** @description CPU time of workers that ran then, over their whole life. `null`: the engine cannot tell. */
            used_core_hours: number | null;
            /** @description By the prices that the operator has set; `null` without any. */
            cost: {
                amount: number;
                currency: string;
            } | null;
        };
        /** MonthUsage */
        MonthUsage: {
            month: string;
            /** @description CPUs of the workers, times the hours they had a place, used or not. */
            core_hours: number;
            /** @description GiB of the workers, times those hours. */
            gib_hours: number;
            /** @description CPU time of workers that ran then, over their whole life. `null`: the engine cannot tell. */
            used_core_hours: number | null;
            /** @description By the prices that the operator has set; `null` without any. */
            cost: {
                amount: number;
                currency: string;
            } | null;
            /** @description Those that took the most first, at most 1000. */
            clusters: components["schemas"]["UsageOfOne"][];
        };
        /** Me */
        Me: {
            id: number;
            username: string;
            is_administrator: boolean;
            /** @description What you may have at once. */
            quota: {
                /** @description `null`: unlimited. */
                clusters: number | null;
                /** @description Over all workers; `null`: unlimited. */
                cpus: number | null;
                /** @description Over all workers; `null`: unlimited. */
                memory_gib: number | null;
            };
            /** @description What your live clusters use of it. */
            used: {
                clusters: number;
                cpus: number;
                memory_gib: number;
            };
        };
        /** AdministeredUser */
        AdministeredUser: {
            id: number;
            username: string;
            is_administrator: boolean;
            /**
             * Format: date-time
             * @description When it was added.
             */
            created_at: string;
            /**
             * Format: date-time
             * @description `null`: the user may log in.
             */
            disabled_at: string | null;
            quota: {
                /** @description `null`: unlimited. */
                clusters: number | null;
                /** @description Over all workers; `null`: unlimited. */
                cpus: number | null;
                /** @description Over all workers; `null`: unlimited. */
                memory_gib: number | null;
            };
            /** @description Whether the quota differs from what the server allows everybody. */
            has_own_quota: boolean;
            used: {
                clusters: number;
                cpus: number;
                memory_gib: number;
            };
        };
        /** UserChanges */
        UserChanges: {
            /** @description All three limits. `null`: what the server allows everybody. */
            quota: {
                /** @description `null`: unlimited. */
                clusters: number | null;
                /** @description Over all workers; `null`: unlimited. */
                cpus: number | null;
                /** @description Over all workers; `null`: unlimited. */
                memory_gib: number | null;
            } | null;
        };
        /**
         * AdministeredCluster
         * @description What it takes, and nothing of what is in it.
         */
        AdministeredCluster: {
            id: number;
            creator: number;
            creator_name: string;
            /** @enum {unknown} */
            status: "pending" | "starting" | "running" | "stopping" | "stopped" | "failed";
            /** @enum {unknown} */
            reason: "none_configured" | "imported" | "waiting_for_capacity" | "launching" | "waiting_for_ready" | "ready" | "worker_lost" | "engine_unreachable" | "stopped_by_user" | "stopped_by_administrator" | "completed" | "idle_timeout" | "lifetime_reached" | "start_timeout" | "launch_refused" | "program_not_found" | "worker_exited" | "out_of_memory" | "crash_loop" | "node_failed" | "preempted" | "time_limit";
            engine: string;
            cpus: number;
            memory: number;
            workers: number;
            ready_workers: number;
            /**
             * Format: date-time
             * @description When it was asked for.
             */
            created_at: string;
            /**
             * Format: date-time
             * @description When its first worker had a place.
             */
            started_at: string | null;
        };
        /** StoppedCluster */
        StoppedCluster: {
            id: number;
            /** @enum {unknown} */
            status: "pending" | "starting" | "running" | "stopping" | "stopped" | "failed";
        };
        /** EngineHealth */
        EngineHealth: {
            /** @description `none`: nothing is launched. */
            engine: string;
            /** @description Where its workers live. */
            home: string;
            /** @description Why the engine did not answer the last time; `null`: it did. */
            problem: string | null;
            /**
             * Format: date-time
             * @description When it last said what it can do; `null`: not yet.
             */
            described_at: string | null;
            /** @description What workers are held to. */
            summary: string | null;
            largest_worker: {
                cpus: number;
                memory: number;
            } | null;
            /** @description Runtimes that cannot run, and what to install. */
            missing_programs: {
                runtime: string;
                message: string;
            }[];
            /** @description `null`: this server has made none; another one makes them, or there is no engine. */
            last_pass: {
                /**
                 * Format: date-time
                 * @description When it ended.
                 */
                at: string;
                ms: number;
                clusters: number;
            } | null;
            users: number;
            /** @description What the live clusters of everybody take. */
            live: {
                clusters: number;
                workers: number;
                cpus: number;
                memory_gib: number;
            };
            clusters_by_status: {
                [key: string]: number;
            };
        };
        /** AllUsage */
        AllUsage: {
            month: string;
            users: {
                user: number;
                username: string;
                /** @description CPUs of the workers, times the hours they had a place, used or not. */
                core_hours: number;
                /** @description GiB of the workers, times those hours. */
                gib_hours: number;
                /** @description CPU time of workers that ran then, over their whole life. `null`: the engine cannot tell. */
                used_core_hours: number | null;
                /** @description By the prices that the operator has set; `null` without any. */
                cost: {
                    amount: number;
                    currency: string;
                } | null;
            }[];
        };
        /** Act */
        Act: {
            id: number;
            /**
             * Format: date-time
             * @description When.
             */
            at: string;
            /** @description Who did it. */
            administrator: string;
            /** @enum {unknown} */
            action: "disable_user" | "enable_user" | "set_quota" | "stop_cluster";
            /** @description Whose user or cluster it was done to. */
            user: string;
            cluster: number | null;
            /** @description Of `set_quota`: what it was set to; `null`: to what everybody has. */
            quota: {
                /** @description `null`: unlimited. */
                clusters?: number | null;
                /** @description Over all workers; `null`: unlimited. */
                cpus?: number | null;
                /** @description Over all workers; `null`: unlimited. */
                memory_gib?: number | null;
            } | null;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    getHealth: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It does */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "status": "ok"
                     *     }
                     */
                    "application/json": components["schemas"]["State"];
                };
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getReadiness: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It can */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "status": "ok"
                     *     }
                     */
                    "application/json": components["schemas"]["State"];
                };
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getOpenApi: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OpenAPI 3.1 */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "openapi": "3.1.0"
                     *     }
                     */
                    "application/json": components["schemas"]["OpenApi"];
                };
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getProblemPage: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /** @example <!doctype html><title>Invalid request</title> */
                    "text/html": string;
                };
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    startLogin: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The value; it is in the cookie `csrftoken` as well */
            200: {
                headers: {
                    /** @description The cookie `csrftoken`. */
                    "Set-Cookie"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "csrf_token": "Jx2mT8wKc0vQ5rYb7nLh3fZs9dGp1aUe4iOk6tMyWqE"
                     *     }
                     */
                    "application/json": components["schemas"]["CsrfToken"];
                };
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    login: {
        parameters: {
            query?: never;
            header?: {
                /** @description The value of the cookie `csrftoken`. */
                "x-csrf-token"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "username": "alice",
                 *       "password": "hunter2"
                 *     }
                 */
                "application/json": components["schemas"]["Credentials"];
                /**
                 * @example {
                 *       "username": "alice",
                 *       "password": "hunter2"
                 *     }
                 */
                "application/x-www-form-urlencoded": components["schemas"]["Credentials"];
            };
        };
        responses: {
            /** @description The token */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "auth_token": "clu_pZ4kJ0v1yC8sQm2XfR6uT9wLhB3nE5aGdV7iKoYxM1c"
                     *     }
                     */
                    "application/json": components["schemas"]["AuthToken"];
                };
            };
            /** @description Wrong credentials, or Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description CSRF check failed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Body too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unsupported media type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many failed logins */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    startSession: {
        parameters: {
            query?: never;
            header?: {
                /** @description The value of the cookie `csrftoken`. */
                "x-csrf-token"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "username": "alice",
                 *       "password": "hunter2"
                 *     }
                 */
                "application/json": components["schemas"]["Credentials"];
                /**
                 * @example {
                 *       "username": "alice",
                 *       "password": "hunter2"
                 *     }
                 */
                "application/x-www-form-urlencoded": components["schemas"]["Credentials"];
            };
        };
        responses: {
            /** @description You are logged in */
            204: {
                headers: {
                    /** @description The cookie `clusters_session`, for HTTP alone. */
                    "Set-Cookie"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Wrong credentials, or Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description CSRF check failed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Body too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unsupported media type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many failed logins */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    endSession: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description You are logged out */
            204: {
                headers: {
                    /** @description The cookie is forgotten. */
                    "Set-Cookie"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not authenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description CSRF check failed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Body too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unsupported media type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listClusters: {
        parameters: {
            query?: {
                /** @description Only those with this status. */
                status?: "pending" | "starting" | "running" | "stopping" | "stopped" | "failed";
                /** @description Only those with just this name. */
                name?: string;
                /** @description At most so many; the header `Link` leads to the rest. */
                limit?: number;
                /** @description Where the page begins, from the header `Link` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The clusters */
            200: {
                headers: {
                    /** @description The path of the next page, when there is more: `</clusters?cursor=...>; rel="next"`. */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "id": 7,
                     *         "creator": 1,
                     *         "cpus": 10,
                     *         "memory": 10,
                     *         "name": "cluster-7",
                     *         "workers": 1,
                     *         "runtime": "idle",
                     *         "command": null,
                     *         "environment": {},
                     *         "status": "pending",
                     *         "reason": "none_configured",
                     *         "message": "No engine is configured (CLUSTERS_ENGINE=none): the cluster is recorded, and nothing is launched.",
                     *         "engine": "none",
                     *         "ready_workers": 0,
                     *         "address": null,
                     *         "idle_timeout_seconds": null,
                     *         "lifetime_seconds": null,
                     *         "expires_at": null,
                     *         "created_at": "2026-11-23T10:00:00.000Z",
                     *         "started_at": null,
                     *         "ready_at": null,
                     *         "ended_at": null
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["Cluster"][];
                };
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not authenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createCluster: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 64 printable ASCII characters. */
                "idempotency-key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "creator": 1,
                 *       "cpus": 10,
                 *       "memory": 10
                 *     }
                 */
                "application/json": components["schemas"]["ClusterRequest"];
            };
        };
        responses: {
            /** @description The cluster */
            201: {
                headers: {
                    /** @description The path of the cluster. */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": 7,
                     *       "creator": 1,
                     *       "cpus": 10,
                     *       "memory": 10,
                     *       "name": "cluster-7",
                     *       "workers": 1,
                     *       "runtime": "idle",
                     *       "command": null,
                     *       "environment": {},
                     *       "status": "pending",
                     *       "reason": "none_configured",
                     *       "message": "No engine is configured (CLUSTERS_ENGINE=none): the cluster is recorded, and nothing is launched.",
                     *       "engine": "none",
                     *       "ready_workers": 0,
                     *       "address": null,
                     *       "idle_timeout_seconds": null,
                     *       "lifetime_seconds": null,
                     *       "expires_at": null,
                     *       "created_at": "2026-11-23T10:00:00.000Z",
                     *       "started_at": null,
                     *       "ready_at": null,
                     *       "ended_at": null
                     *     }
                     */
                    "application/json": components["schemas"]["Cluster"];
                };
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not authenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description CSRF check failed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Quota exceeded, or Idempotency key reused */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Body too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unsupported media type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getCluster: {
        parameters: {
            query?: {
                /** @description Waits for this status. */
                wait_for?: "pending" | "starting" | "running" | "stopping" | "stopped" | "failed";
                /** @description Waits at most so many seconds; only with `wait_for`. */
                timeout?: number;
            };
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The cluster */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": 7,
                     *       "creator": 1,
                     *       "cpus": 10,
                     *       "memory": 10,
                     *       "name": "cluster-7",
                     *       "workers": 1,
                     *       "runtime": "idle",
                     *       "command": null,
                     *       "environment": {},
                     *       "status": "pending",
                     *       "reason": "none_configured",
                     *       "message": "No engine is configured (CLUSTERS_ENGINE=none): the cluster is recorded, and nothing is launched.",
                     *       "engine": "none",
                     *       "ready_workers": 0,
                     *       "address": null,
                     *       "idle_timeout_seconds": null,
                     *       "lifetime_seconds": null,
                     *       "expires_at": null,
                     *       "created_at": "2026-11-23T10:00:00.000Z",
                     *       "started_at": null,
                     *       "ready_at": null,
                     *       "ended_at": null
                     *     }
                     */
                    "application/json": components["schemas"]["Cluster"];
                };
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not authenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many streams */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteCluster: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The cluster, which is stopped first */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": 7,
                     *       "creator": 1,
                     *       "cpus": 10,
                     *       "memory": 10,
                     *       "name": "cluster-7",
                     *       "workers": 1,
                     *       "runtime": "idle",
                     *       "command": null,
                     *       "environment": {},
                     *       "status": "stopping",
                     *       "reason": "stopped_by_user",
                     *       "message": null,
                     *       "engine": "local",
                     *       "ready_workers": 0,
                     *       "address": null,
                     *       "idle_timeout_seconds": null,
                     *       "lifetime_seconds": null,
                     *       "expires_at": null,
                     *       "created_at": "2026-11-23T10:00:00.000Z",
                     *       "started_at": "2026-11-23T10:00:01.000Z",
                     *       "ready_at": null,
                     *       "ended_at": null
                     *     }
                     */
                    "application/json": components["schemas"]["Cluster"];
                };
            };
            /** @description It is gone. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not authenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description CSRF check failed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Body too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unsupported media type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    updateCluster: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "workers": 4
                 *     }
                 */
                "application/json": components["schemas"]["ClusterChanges"];
            };
        };
        responses: {
            /** @description The cluster */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": 7,
                     *       "creator": 1,
                     *       "cpus": 10,
                     *       "memory": 10,
                     *       "name": "cluster-7",
                     *       "workers": 4,
                     *       "runtime": "idle",
                     *       "command": null,
                     *       "environment": {},
                     *       "status": "pending",
                     *       "reason": "none_configured",
                     *       "message": "No engine is configured (CLUSTERS_ENGINE=none): the cluster is recorded, and nothing is launched.",
                     *       "engine": "none",
                     *       "ready_workers": 0,
                     *       "address": null,
                     *       "idle_timeout_seconds": null,
                     *       "lifetime_seconds": null,
                     *       "expires_at": null,
                     *       "created_at": "2026-11-23T10:00:00.000Z",
                     *       "started_at": null,
                     *       "ready_at": null,
                     *       "ended_at": null
                     *     }
                     */
                    "application/json": components["schemas"]["Cluster"];
                };
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not authenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description CSRF check failed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Quota exceeded, or Cluster ended */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Body too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unsupported media type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    stopCluster: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The cluster, which had ended already */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": 7,
                     *       "creator": 1,
                     *       "cpus": 10,
                     *       "memory": 10,
                     *       "name": "cluster-7",
                     *       "workers": 1,
                     *       "runtime": "idle",
                     *       "command": null,
                     *       "environment": {},
                     *       "status": "stopped",
                     *       "reason": "stopped_by_user",
                     *       "message": null,
                     *       "engine": "local",
                     *       "ready_workers": 0,
                     *       "address": null,
                     *       "idle_timeout_seconds": null,
                     *       "lifetime_seconds": null,
                     *       "expires_at": null,
                     *       "created_at": "2026-11-23T10:00:00.000Z",
                     *       "started_at": "2026-11-23T10:00:01.000Z",
                     *       "ready_at": null,
                     *       "ended_at": "2026-11-23T11:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Cluster"];
                };
            };
            /** @description The cluster */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": 7,
                     *       "creator": 1,
                     *       "cpus": 10,
                     *       "memory": 10,
                     *       "name": "cluster-7",
                     *       "workers": 1,
                     *       "runtime": "idle",
                     *       "command": null,
                     *       "environment": {},
                     *       "status": "stopping",
                     *       "reason": "stopped_by_user",
                     *       "message": null,
                     *       "engine": "local",
                     *       "ready_workers": 0,
                     *       "address": null,
                     *       "idle_timeout_seconds": null,
                     *       "lifetime_seconds": null,
                     *       "expires_at": null,
                     *       "created_at": "2026-11-23T10:00:00.000Z",
                     *       "started_at": "2026-11-23T10:00:01.000Z",
                     *       "ready_at": null,
                     *       "ended_at": null
                     *     }
                     */
                    "application/json": components["schemas"]["Cluster"];
                };
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not authenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description CSRF check failed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Body too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unsupported media type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listEvents: {
        parameters: {
            query?: {
                /** @description At most so many; the header `Link` leads to the rest. */
                limit?: number;
                /** @description Where the page begins, from the header `Link` of the page before. */
                cursor?: string;
            };
            header?: {
                /** @description `text/event-stream` asks for a stream. */
                accept?: string;
                /** @description Of a stream: it goes on after this event, and leaves none out. `0` begins with the first; without it the stream begins now. */
                "last-event-id"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The events */
            200: {
                headers: {
                    /** @description The path of the next page, when there is more. */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "id": 42,
                     *         "cluster": 7,
                     *         "at": "2026-11-23T10:00:09.000Z",
                     *         "status": "running",
                     *         "reason": "ready",
                     *         "message": null
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["Event"][];
                    /**
                     * @example :
                     *
                     *     id: 42
                     *     event: cluster
                     *     data: {"id":42,"cluster":7,"at":"2026-11-23T10:00:09.000Z","status":"running","reason":"ready","message":null}
                     */
                    "text/event-stream": string;
                };
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not authenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many streams */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listClusterEvents: {
        parameters: {
            query?: {
                /** @description At most so many; the header `Link` leads to the rest. */
                limit?: number;
                /** @description Where the page begins, from the header `Link` of the page before. */
                cursor?: string;
            };
            header?: {
                /** @description `text/event-stream` asks for a stream. */
                accept?: string;
                /** @description Of a stream: it goes on after this event, and leaves none out. `0` begins with the first; without it the stream begins now. */
                "last-event-id"?: string;
            };
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The events */
            200: {
                headers: {
                    /** @description The path of the next page, when there is more. */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "id": 42,
                     *         "cluster": 7,
                     *         "at": "2026-11-23T10:00:09.000Z",
                     *         "status": "running",
                     *         "reason": "ready",
                     *         "message": null
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["Event"][];
                    /**
                     * @example :
                     *
                     *     id: 42
                     *     event: cluster
                     *     data: {"id":42,"cluster":7,"at":"2026-11-23T10:00:09.000Z","status":"running","reason":"ready","message":null}
                     */
                    "text/event-stream": string;
                };
            };
            /** @description Of a stream: the cluster has ended, and there is nothing more to come. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not authenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many streams */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listWorkers: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The workers; none before the first launch */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "id": "k3v9x2m7q4t8w1z5",
                     *         "index": 0,
                     *         "role": "worker",
                     *         "status": "started",
                     *         "node": "node-1",
                     *         "exit_code": null,
                     *         "signal": null,
                     *         "reason": null,
                     *         "message": null,
                     *         "attempt": 1,
                     *         "created_at": "2026-11-23T10:00:00.200Z",
                     *         "started_at": "2026-11-23T10:00:01.000Z",
                     *         "ended_at": null
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["Worker"][];
                };
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not authenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getCredentials: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The certificate and its key */
            200: {
                headers: {
                    /** @description A name for the file. */
                    "Content-Disposition"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example -----BEGIN CERTIFICATE-----
                     *     …
                     *     -----END CERTIFICATE-----
                     *     -----BEGIN PRIVATE KEY-----
                     *     …
                     *     -----END PRIVATE KEY-----
                     */
                    "application/x-pem-file": string;
                };
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not authenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getLogs: {
        parameters: {
            query?: {
                /** @description The index of a worker, or `scheduler`. */
                worker?: string;
                /** @description Begins so many lines before the end; without it at the beginning of what is kept. */
                tail?: number;
                /** @description Goes on with what is printed from now on, also by a worker that takes the place of this one, until the cluster has ended. */
                follow?: "true" | "false";
            };
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The output */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example step 1 of 3
                     *     step 2 of 3
                     */
                    "text/plain": string;
                };
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not authenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many streams */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listRuntimes: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What a new cluster can be */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "engine": "local",
                     *       "largest_worker": {
                     *         "cpus": 8,
                     *         "memory": 30
                     *       },
                     *       "capacity": {
                     *         "cpus": 8,
                     *         "memory": 30
                     *       },
                     *       "enforced": {
                     *         "cpus": true,
                     *         "memory": true
                     *       },
                     *       "limits": {
                     *         "cpus": 16,
                     *         "memory": 128,
                     *         "workers": 1000,
                     *         "duration_seconds": 31536000
                     *       },
                     *       "runtimes": [
                     *         {
                     *           "name": "idle",
                     *           "description": "Holds its place until it is stopped.",
                     *           "takes_command": false,
                     *           "has_scheduler": false,
                     *           "can_tell_idleness": false,
                     *           "available": true,
                     *           "message": null
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["Offer"];
                };
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not authenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    logout: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The token is dead. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not authenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description CSRF check failed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Body too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unsupported media type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listTokens: {
        parameters: {
            query?: {
                /** @description At most so many; the header `Link` leads to the rest. */
                limit?: number;
                /** @description Where the page begins, from the header `Link` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The tokens, without their values */
            200: {
                headers: {
                    /** @description The path of the next page, when there is more. */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "id": 3,
                     *         "name": "nightly",
                     *         "created_at": "2026-11-23T10:00:00.000Z",
                     *         "expires_at": "2027-02-23T10:00:00.000Z",
                     *         "last_used_at": null,
                     *         "current": false
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["Token"][];
                };
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not authenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createToken: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "name": "nightly",
                 *       "expires_at": "2027-02-23T10:00:00Z"
                 *     }
                 */
                "application/json": components["schemas"]["TokenRequest"];
            };
        };
        responses: {
            /** @description The token; its value is shown this once */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": 3,
                     *       "name": "nightly",
                     *       "created_at": "2026-11-23T10:00:00.000Z",
                     *       "expires_at": "2027-02-23T10:00:00.000Z",
                     *       "last_used_at": null,
                     *       "token": "clu_pZ4kJ0v1yC8sQm2XfR6uT9wLhB3nE5aGdV7iKoYxM1c"
                     *     }
                     */
                    "application/json": components["schemas"]["IssuedToken"];
                };
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not authenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description CSRF check failed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Body too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unsupported media type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteToken: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is revoked. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not authenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description CSRF check failed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Body too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unsupported media type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getClusterUsage: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Its usage since it was created */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "cluster": 7,
                     *       "core_hours": 32,
                     *       "gib_hours": 64,
                     *       "used_core_hours": 4.2,
                     *       "cost": {
                     *         "amount": 1.6,
                     *         "currency": "EUR"
                     *       },
                     *       "requested": {
                     *         "cpus": 16,
                     *         "memory_gib": 32
                     *       },
                     *       "peak": {
                     *         "cpus": 2.1,
                     *         "memory_gib": 6.5,
                     *         "worker_memory_gib": 3.3
                     *       },
                     *       "samples": [
                     *         {
                     *           "at": "2026-11-23T10:01:00.000Z",
                     *           "minutes": 1,
                     *           "cpus": 2.1,
                     *           "memory_gib": 6.5
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["ClusterUsage"];
                };
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not authenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getUsage: {
        parameters: {
            query?: {
                /** @description In UTC; this month without it. */
                month?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Your usage */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "month": "2026-11",
                     *       "core_hours": 32,
                     *       "gib_hours": 64,
                     *       "used_core_hours": 4.2,
                     *       "cost": {
                     *         "amount": 1.6,
                     *         "currency": "EUR"
                     *       },
                     *       "clusters": [
                     *         {
                     *           "cluster": 7,
                     *           "name": "etl",
                     *           "core_hours": 32,
                     *           "gib_hours": 64,
                     *           "used_core_hours": 4.2,
                     *           "cost": {
                     *             "amount": 1.6,
                     *             "currency": "EUR"
                     *           }
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["MonthUsage"];
                };
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not authenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getMe: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description You */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": 1,
                     *       "username": "alice",
                     *       "is_administrator": false,
                     *       "quota": {
                     *         "clusters": null,
                     *         "cpus": 64,
                     *         "memory_gib": 256
                     *       },
                     *       "used": {
                     *         "clusters": 1,
                     *         "cpus": 10,
                     *         "memory_gib": 10
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["Me"];
                };
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not authenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getMetrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Metrics in Prometheus’ text form */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /** @example process_cpu_user_seconds_total 0.42 */
                    "text/plain": string;
                };
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not authenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listUsers: {
        parameters: {
            query?: {
                /** @description At most so many; the header `Link` leads to the rest. */
                limit?: number;
                /** @description Where the page begins, from the header `Link` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Users */
            200: {
                headers: {
                    /** @description The path of the next page, when there is more. */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "id": 2,
                     *         "username": "betty",
                     *         "is_administrator": false,
                     *         "created_at": "2026-11-23T10:00:00.000Z",
                     *         "disabled_at": null,
                     *         "quota": {
                     *           "clusters": null,
                     *           "cpus": 64,
                     *           "memory_gib": 256
                     *         },
                     *         "has_own_quota": false,
                     *         "used": {
                     *           "clusters": 1,
                     *           "cpus": 10,
                     *           "memory_gib": 10
                     *         }
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["AdministeredUser"][];
                };
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not authenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not an administrator */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    updateUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "quota": {
                 *         "clusters": 10,
                 *         "cpus": 128,
                 *         "memory_gib": null
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["UserChanges"];
            };
        };
        responses: {
            /** @description The user */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": 2,
                     *       "username": "betty",
                     *       "is_administrator": false,
                     *       "created_at": "2026-11-23T10:00:00.000Z",
                     *       "disabled_at": null,
                     *       "quota": {
                     *         "clusters": null,
                     *         "cpus": 64,
                     *         "memory_gib": 256
                     *       },
                     *       "has_own_quota": true,
                     *       "used": {
                     *         "clusters": 1,
                     *         "cpus": 10,
                     *         "memory_gib": 10
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["AdministeredUser"];
                };
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not authenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not an administrator, or CSRF check failed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Body too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unsupported media type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    disableUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user; idempotent */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": 2,
                     *       "username": "betty",
                     *       "is_administrator": false,
                     *       "created_at": "2026-11-23T10:00:00.000Z",
                     *       "disabled_at": "2026-11-24T10:00:00.000Z",
                     *       "quota": {
                     *         "clusters": null,
                     *         "cpus": 64,
                     *         "memory_gib": 256
                     *       },
                     *       "has_own_quota": false,
                     *       "used": {
                     *         "clusters": 1,
                     *         "cpus": 10,
                     *         "memory_gib": 10
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["AdministeredUser"];
                };
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not authenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not an administrator, or CSRF check failed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Body too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unsupported media type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    enableUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user; idempotent */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": 2,
                     *       "username": "betty",
                     *       "is_administrator": false,
                     *       "created_at": "2026-11-23T10:00:00.000Z",
                     *       "disabled_at": null,
                     *       "quota": {
                     *         "clusters": null,
                     *         "cpus": 64,
                     *         "memory_gib": 256
                     *       },
                     *       "has_own_quota": false,
                     *       "used": {
                     *         "clusters": 1,
                     *         "cpus": 10,
                     *         "memory_gib": 10
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["AdministeredUser"];
                };
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not authenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not an administrator, or CSRF check failed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Body too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unsupported media type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listAllClusters: {
        parameters: {
            query?: {
                /** @description At most so many; the header `Link` leads to the rest. */
                limit?: number;
                /** @description Where the page begins, from the header `Link` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Live clusters */
            200: {
                headers: {
                    /** @description The path of the next page, when there is more. */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "id": 7,
                     *         "creator": 2,
                     *         "creator_name": "betty",
                     *         "status": "running",
                     *         "reason": "ready",
                     *         "engine": "local",
                     *         "cpus": 10,
                     *         "memory": 10,
                     *         "workers": 2,
                     *         "ready_workers": 2,
                     *         "created_at": "2026-11-23T10:00:00.000Z",
                     *         "started_at": "2026-11-23T10:00:01.000Z"
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["AdministeredCluster"][];
                };
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not authenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not an administrator */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    stopAnyCluster: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It has ended already */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": 7,
                     *       "status": "stopped"
                     *     }
                     */
                    "application/json": components["schemas"]["StoppedCluster"];
                };
            };
            /** @description It is asked to end */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": 7,
                     *       "status": "stopping"
                     *     }
                     */
                    "application/json": components["schemas"]["StoppedCluster"];
                };
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not authenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not an administrator, or CSRF check failed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Body too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unsupported media type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getEngine: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The engine of this server */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "engine": "local",
                     *       "home": "local:k3v9",
                     *       "problem": null,
                     *       "described_at": "2026-11-23T10:00:00.000Z",
                     *       "summary": "Workers are held to their memory, CPUs and processes (cgroup v2).",
                     *       "largest_worker": {
                     *         "cpus": 16,
                     *         "memory": 128
                     *       },
                     *       "missing_programs": [],
                     *       "last_pass": {
                     *         "at": "2026-11-23T10:00:01.000Z",
                     *         "ms": 3,
                     *         "clusters": 1
                     *       },
                     *       "users": 2,
                     *       "live": {
                     *         "clusters": 1,
                     *         "workers": 2,
                     *         "cpus": 20,
                     *         "memory_gib": 20
                     *       },
                     *       "clusters_by_status": {
                     *         "running": 1
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["EngineHealth"];
                };
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not authenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not an administrator */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getAllUsage: {
        parameters: {
            query?: {
                /** @description In UTC; this month without it. */
                month?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Users who had anything, those that took the most first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "month": "2026-11",
                     *       "users": [
                     *         {
                     *           "user": 2,
                     *           "username": "betty",
                     *           "core_hours": 32,
                     *           "gib_hours": 64,
                     *           "used_core_hours": 4.2,
                     *           "cost": {
                     *             "amount": 1.6,
                     *             "currency": "EUR"
                     *           }
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["AllUsage"];
                };
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not authenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not an administrator */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listAudit: {
        parameters: {
            query?: {
                /** @description At most so many; the header `Link` leads to the rest. */
                limit?: number;
                /** @description Where the page begins, from the header `Link` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Acts */
            200: {
                headers: {
                    /** @description The path of the next page, when there is more. */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "id": 1,
                     *         "at": "2026-11-24T10:00:00.000Z",
                     *         "administrator": "carol",
                     *         "action": "stop_cluster",
                     *         "user": "betty",
                     *         "cluster": 7,
                     *         "quota": null
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["Act"][];
                };
            };
            /** @description Invalid request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not authenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not an administrator */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown host */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
