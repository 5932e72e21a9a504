/** What administrators do that others should be able to look up. */
export const AUDIT_ACTIONS = ['disable_user', 'enable_user', 'set_quota', 'stop_cluster'] as const
export type AuditAction = (typeof AUDIT_ACTIONS)[number]
