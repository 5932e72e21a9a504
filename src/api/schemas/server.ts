import { Type } from 'typebox'
import type { Operation } from '../operation.ts'

const stateSchema = Type.Object(
  { status: Type.Literal('ok') },
  { title: 'State', additionalProperties: false },
)

export const getHealth = {
  id: 'getHealth',
  method: 'GET',
  url: '/healthz',
  summary: 'Whether the process answers',
  tag: 'server',
  open: true,
  answers: { 200: { description: 'It does', schema: stateSchema, example: { status: 'ok' } } },
} as const satisfies Operation

export const getReadiness = {
  id: 'getReadiness',
  method: 'GET',
  url: '/readyz',
  summary: 'Whether the server can do its work: its database answers',
  tag: 'server',
  open: true,
  answers: { 200: { description: 'It can', schema: stateSchema, example: { status: 'ok' } } },
} as const satisfies Operation

export const getMetrics = {
  id: 'getMetrics',
  method: 'GET',
  url: '/metrics',
  summary: 'What the server measures, for Prometheus',
  tag: 'server',
  answers: {
    200: {
      description: 'Metrics in Prometheus’ text form',
      schema: Type.String(),
      example: 'process_cpu_user_seconds_total 0.42\n',
      type: 'text/plain',
    },
  },
} as const satisfies Operation

export const getOpenApi = {
  id: 'getOpenApi',
  method: 'GET',
  url: '/openapi.json',
  summary: 'This document',
  tag: 'server',
  open: true,
  answers: {
    200: {
      description: 'OpenAPI 3.1',
      schema: Type.Object({ openapi: Type.String() }, { title: 'OpenApi', additionalProperties: true }),
      example: { openapi: '3.1.0' },
    },
  },
} as const satisfies Operation

export const getProblemPage = {
  id: 'getProblemPage',
  method: 'GET',
  url: '/problems/:name',
  summary: 'What a kind of problem means, and how to mend it',
  tag: 'server',
  open: true,
  answers: {
    200: {
      description: 'A page',
      schema: Type.String(),
      example: '<!doctype html><title>Invalid request</title>',
      type: 'text/html',
    },
  },
  problems: ['not-found'],
} as const satisfies Operation
