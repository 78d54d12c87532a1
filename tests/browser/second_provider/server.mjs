// A provider that shares no code with the app: npm's oidc-provider, set up like the Instance ID.
//
// PORT is its own on 127.0.0.1, SITE the address of the site that may sign people in. Any login
// and any password will do; the login "community" is a community user, "admin" an administrator.
// GET /events lists what happened, for the tests.

import { createHash, createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';

import { createLocalJWKSet, jwtVerify } from 'jose';
import Provider, { errors } from 'oidc-provider';

const { PORT, SITE, APPLICATION_URI, APPLICATION_SECRET } = process.env;
const ACCESS_TOKEN_SECONDS = Number(process.env.ACCESS_TOKEN_SECONDS ?? 3600);

const url = `http://127.0.0.1:${PORT}`;
const issuer = `${url}/id`;
const resources = `${issuer}/resources`;
// By way of PEM: Node locks up for ever where it collects the generator's garbage while it exports
// the generator's own key.
const { privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});
const key = {
  ...createPrivateKey(privateKey).export({ format: 'jwk' }),
  kid: 'A1B2C3D4E5F60718',
  alg: 'RS256',
  use: 'sig',
};
const events = [];

function person(login) {
  const hex = createHash('sha256').update(login).digest('hex');
  return {
    id: `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`,
    name: `${login[0].toUpperCase()}${login.slice(1)} Of Node`,
    email: `${login}@company.example`,
    email_verified: 'true',
    user_type: login === 'community' ? 'ExternalCommunityUser' : 'InternalUser',
    is_admin: login === 'admin' ? 'true' : 'false',
    locale: 'en',
  };
}

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: APPLICATION_URI,
      client_secret: APPLICATION_SECRET,
      redirect_uris: [`${SITE}/signin-callback`],
      post_logout_redirect_uris: [`${SITE}/signout-callback`],
      response_types: ['code id_token', 'code'],
      grant_types: ['authorization_code', 'implicit', 'refresh_token'],
      token_endpoint_auth_method: 'client_secret_post',
    },
  ],
  routes: {
    authorization: '/connect/authorize',
    token: '/connect/token',
    end_session: '/connect/endsession',
    userinfo: '/connect/userinfo',
    revocation: '/connect/revocation',
    jwks: '/.well-known/openid-configuration/jwks',
  },
  jwks: { keys: [key] },
  cookies: { keys: ['not a secret: tests only'] },
  responseTypes: ['code id_token', 'code'],
  clientAuthMethods: ['client_secret_post'],
  pkce: { required: () => true },
  scopes: ['openid', 'profile', 'offline_access'],
  claims: { openid: ['sub'], profile: ['name', 'email', 'locale'] },
  ttl: { AccessToken: ACCESS_TOKEN_SECONDS, IdToken: 300, RefreshToken: 30 * 24 * 3600 },
  rotateRefreshToken: true,
  // The library gives refresh tokens to web applications after a consent page only, which the
  // Instance ID does not show.
  issueRefreshToken: () => true,
  loadExistingGrant,
  features: {
    devInteractions: { enabled: true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resources,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: 'read update',
        audience: resources,
        accessTokenFormat: 'jwt',
        accessTokenTTL: ACCESS_TOKEN_SECONDS,
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
  extraTokenClaims: (_ctx, token) => (token.accountId ? person(token.accountId) : undefined),
  findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub, ...person(sub) }) }),
});

// Hybrid answers to http://localhost are refused by the library's default.
const { invalidate } = provider.Client.Schema.prototype;
provider.Client.Schema.prototype.invalidate = function invalidateExceptLoopback(message, code) {
  if (code !== 'implicit-force-https' && code !== 'implicit-forbid-localhost') {
    invalidate.call(this, message, code);
  }
};

provider.on('grant.success', (ctx) => events.push(`granted ${ctx.oidc.params.grant_type}`));
provider.on('grant.error', (ctx, error) =>
  events.push(`refused ${ctx.oidc?.params?.grant_type} ${error.error} ${error.error_detail ?? ''}`));
provider.on('authorization.error', (_ctx, error) =>
  events.push(`not authorized ${error.error} ${error.error_description ?? ''}`));
provider.on('refresh_token.consumed', () => events.push('refresh token spent'));
provider.on('grant.revoked', () => events.push('grant revoked'));
provider.on('end_session.success', () => events.push('session ended'));
provider.on('server_error', (_ctx, error) => events.push(`error ${error.stack}`));

async function loadExistingGrant(ctx) {
  const grant = new provider.Grant({
    clientId: ctx.oidc.client.clientId,
    accountId: ctx.oidc.session.accountId,
  });
  grant.addOIDCScope('openid profile offline_access');
  grant.addResourceScope(resources, 'read update');
  await grant.save();
  return grant;
}

// What an API of the instance does: checks the token by itself, and answers.
const keys = createLocalJWKSet({ keys: [{ kty: key.kty, n: key.n, e: key.e, kid: key.kid }] });

async function customers(request, response) {
  try {
    const token = (request.headers.authorization ?? '').replace(/^Bearer /, '');
    const { payload } = await jwtVerify(token, keys, {
      issuer,
      audience: resources,
      typ: 'at+jwt',
      clockTolerance: 0,
    });
    const value = ['Node Traders', 'Second Opinion Ltd.', 'Unrelated & Sons'].map((Name, at) => ({
      Id: `00000000-0000-4000-8000-00000000000${at + 1}`, Number: `N${at + 1}`, Name, City: payload.sub,
    }));
    sendJson(response, 200, { value });
  } catch (error) {
    events.push(`api refused ${error.code}`);
    sendJson(response, 401, { message: 'Unauthorized', code: error.code });
  }
}

function sendJson(response, status, value) {
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(value));
}

const callback = provider.callback();
createServer((request, response) => {
  if (request.url === '/events') {
    sendJson(response, 200, events);
  } else if (request.url.startsWith('/api/domain/odata/Crm_Sales_Customers')) {
    customers(request, response);
  } else if (request.url.startsWith('/id/')) {
    if (request.url === '/id/connect/revocation') events.push('asked to revoke');
    request.originalUrl = request.url;
    request.url = request.url.slice('/id'.length);
    callback(request, response);
  } else {
    sendJson(response, 404, {});
  }
}).listen(Number(PORT), '127.0.0.1', () => console.log('ready'));
