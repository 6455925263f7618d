// An evidence tree in which whoever wrote the requests tries to take over the page that will show them.
// Inert: nothing here does anything unless a page treats text as markup.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** HttpProxy of build 15.1.2106: all columns in the order of the product. */
const COLUMNS = `DateTime,RequestId,MajorVersion,MinorVersion,BuildVersion,RevisionVersion,ClientRequestId,Protocol,UrlHost,
UrlStem,ProtocolAction,AuthenticationType,IsAuthenticated,AuthenticatedUser,Organization,AnchorMailbox,UserAgent,
ClientIpAddress,ServerHostName,HttpStatus,BackEndStatus,ErrorCode,Method,ProxyAction,TargetServer,TargetServerVersion,
RoutingType,RoutingHint,BackEndCookie,ServerLocatorHost,ServerLocatorLatency,RequestBytes,ResponseBytes,
TargetOutstandingRequests,AuthModulePerfContext,HttpPipelineLatency,CalculateTargetBackEndLatency,GlsLatencyBreakup,
TotalGlsLatency,AccountForestLatencyBreakup,TotalAccountForestLatency,ResourceForestLatencyBreakup,
TotalResourceForestLatency,ADLatency,SharedCacheLatencyBreakup,TotalSharedCacheLatency,ActivityContextLifeTime,
ModuleToHandlerSwitchingLatency,ClientReqStreamLatency,BackendReqInitLatency,BackendReqStreamLatency,
BackendProcessingLatency,BackendRespInitLatency,BackendRespStreamLatency,ClientRespStreamLatency,
KerberosAuthHeaderLatency,HandlerCompletionLatency,RequestHandlerLatency,HandlerToModuleSwitchingLatency,ProxyTime,
CoreLatency,RoutingLatency,HttpProxyOverhead,TotalRequestTime,RouteRefresherLatency,UrlQuery,BackEndGenericInfo,
GenericInfo,GenericErrors,EdgeTraceId,DatabaseGuid,UserADObjectGuid,PartitionEndpointLookupLatency,RoutingStatus`
  .replaceAll('\n', '')
  .split(',');

const RIGHT_TO_LEFT = '\u202e';

/** What is tried. `listener` is an address that must never be asked for anything. */
export function attempts(listener) {
  return [
    `<img src=x onerror=alert('image')>`,
    `</script><script>alert('script')</script>`,
    `</title></style><script src=${listener}/script></script>`,
    `</pre></td></table></details></main><iframe src="${listener}/frame"></iframe>`,
    `" autofocus tabindex=1 onfocus="alert('quote')" x="`,
    `' onmouseover='alert(1)' style='position:fixed;inset:0`,
    `<svg/onload=alert('svg')><use href="${listener}/use.svg#a"/></svg>`,
    `javascript:alert('address')`,
    `<a href="javascript:alert('link')">logon.aspx</a>`,
    `<a href="${listener}/link">${listener}/link</a>`,
    `<meta http-equiv="refresh" content="0;url=${listener}/refresh">`,
    `<base href="${listener}/base/"><link rel=stylesheet href="${listener}/style">`,
    `&lt;img src=x onerror=alert('entity')&gt;&#60;script&#62;`,
    `<!--`,
    `<![CDATA[<script>alert('cdata')</script>`,
    `<plaintext>`,
    `name${RIGHT_TO_LEFT}xpsa.exe\u2066\u200b\u001b[2J`,
    `f1" href="${listener}/id`,
    'Wide'.repeat(700),
  ];
}

/** One cell of an Exchange log. */
export function cell(value) {
  return /[",]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

/** An attempt as the page spells it: what cannot be seen stands as its number. */
export function spelt(text) {
  return text
    .replaceAll('\u001b', '\\x1b')
    .replace(/[\u200b\u202e\u2066]/g, (c) => `⟦U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}⟧`);
}

/** Writes the tree; the path of it. */
export async function writeHostile(folder, listener) {
  const tree = join(folder, 'hostile-evidence');
  const texts = attempts(listener);
  const server = join(tree, `<img src=x onerror=alert('folder')>`, 'C');
  const ecp = join(server, 'Program Files/Microsoft/Exchange Server/V15/Logging/HttpProxy/Ecp');
  const iis = join(server, 'inetpub/logs/LogFiles/W3SVC1');
  await Promise.all([ecp, iis].map((path) => mkdir(path, { recursive: true })));
  await writeFile(join(ecp, 'HttpProxy_2021030312-1.LOG'), httpProxy(texts));
  await writeFile(join(iis, 'u_ex210303.log'), w3c(texts));
  await writeFile(join(iis, `"><svg onload=alert('name')>${RIGHT_TO_LEFT}gol.txt`), 'text');
  return tree;
}

/** Every attempt once in each of four columns of forged routes, and once as the name of a server. */
function httpProxy(texts) {
  const version = ['#Software: Microsoft Exchange Server', '#Version: 15.01.2106.002', '#Log-type: HttpProxy Logs'];
  const block = [...version, '#Date: 2021-03-03T12:00:00.000Z', `#Fields: ${COLUMNS.join(',')}`];
  const rows = texts.flatMap((text, place) => [
    row(4 * place, { AnchorMailbox: `ServerInfo~a]@exc01:444/ecp/${text}`, UserAgent: text }),
    row(4 * place + 1, { UrlStem: `/ecp/${text}`, ServerHostName: 'EXC01', ErrorCode: text }),
    row(4 * place + 2, { AnchorMailbox: `ServerInfo~${text}/ews/exchange.asmx?a=`, UrlStem: `/ecp/${text}.js` }),
    row(4 * place + 3, { ServerHostName: text, AuthenticatedUser: text, ClientIpAddress: text }),
  ]);
  return [COLUMNS.join(','), ...block, ...rows, ''].join('\r\n');
}

/** A successful forged route, with whatever is put over it. */
function row(number, over) {
  const clock = `12:${String(Math.floor(number / 60)).padStart(2, '0')}:${String(number % 60).padStart(2, '0')}`;
  const values = {
    DateTime: `2021-03-03T${clock}.000Z`,
    RequestId: `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`,
    MajorVersion: '15',
    MinorVersion: '1',
    BuildVersion: '2106',
    RevisionVersion: '2',
    Protocol: 'Ecp',
    UrlHost: 'mail.contoso.example',
    UrlStem: '/ecp/y.js',
    IsAuthenticated: 'false',
    AnchorMailbox: 'ServerInfo~a]@exc01:444/mapi/nspi?a=',
    UserAgent: 'ExchangeServicesClient/0.0.0.0',
    ClientIpAddress: '203.0.113.7',
    ServerHostName: 'EXC01',
    HttpStatus: '200',
    Method: 'POST',
    ...over,
  };
  return COLUMNS.map((column) => cell(values[column] ?? '')).join(',');
}

/** Pages under hostile names that answered, each to become a row of the web shells. */
function w3c(texts) {
  const fields = 'date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status time-taken';
  const rows = texts.map((text, place) => {
    const word = text.replaceAll(' ', '+');
    const clock = `13:00:${String(place).padStart(2, '0')}`;
    return `2021-03-03 ${clock} 10.0.0.5 POST /aspnet_client/${word}.aspx ${word} 443 ${word} 203.0.113.7 ${word} - 200 0 0 15`;
  });
  return ['#Software: Microsoft Internet Information Services 10.0', '#Version: 1.0', '#Date: 2021-03-03 13:00:00', `#Fields: ${fields}`, ...rows, ''].join('\r\n');
}
