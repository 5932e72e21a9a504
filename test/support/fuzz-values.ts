/** What has broken some server somewhere, for fuzz-requests.ts. */

const words = (text: string) => text.trim().split(/\s+/)

export const NAMES = words('__proto__ constructor prototype toString hasOwnProperty length then toJSON')

export const NUMBERS = words(`
  0 -0 1 0.5 16 17 128 129 1e999 -1e999 1e-300 5e-324 1e21 1E400 -1 1.0 2147483648 9007199254740993
  99999999999999999999999999 0.1234567890123456789`)

export const TEXTS = [
  ...words(`😀 ä <script> \${7*7} ../../etc/passwd null true NaN 10 %00 %s%n`),
  ...['', ' ', '\0', 'a\0b', '\ud800', '\udfff', "' or 1=1 --", '\u202e', '\ufeff', '\r\nX: y'],
  ...['x'.repeat(63), 'x'.repeat(5000)],
]

export const IDS = [
  ...words(`
    0 1 2 3 01 -1 1.5 1e3 0x1 Infinity %zz %00 %2F %ff %F0%9F%98%80 % 1% ~ ' * :id ( a;b=c not-found
    invalid-request 9007199254740991 9007199254740992 9999999999999999 10000000000000000`),
  ...['', 'x'.repeat(3000), '1'.repeat(9000), ...NAMES],
]

export const QUERIES = [
  ...words(`
    ? ?? ?& ?= ?a ?a=b=c ?%zz ?limit=%zz ?name=%ff ?limit[]=1 ?__proto__[x]=1 ?limit=Infinity ?limit=1e999
    ?limit=0x10 ?limit=-0 ?limit=NaN ?# ?;`),
  `?name=${'x'.repeat(5000)}`,
]

export const CONTENT_TYPES = [
  ...words('application/json text/plain ; / application/x-www-form-urlencoded multipart/form-data */* é'),
  ...['', 'application/json; charset=utf-16', 'application/json;charset="', 'application/json, text/plain'],
  ...[
    'application/json; charset=utf-8; charset=latin1',
    `application/${'x'.repeat(500)}`,
    'APPLICATION/JSON',
  ],
]

export const METHODS = words('GET HEAD POST PUT PATCH DELETE OPTIONS TRACE PROPFIND MKCOL SEARCH QUERY LINK')
