#!/usr/bin/env bash
# Writes everything that a certification run needs into one directory: keys and certificates of the suite's two
# clients, the server's configurations from the examples beside this directory, the gateway's, an account, and for
# every plan the JSON that is pasted into the suite. docs/certification.md says what to do with it.
#
#   HOST=login.example.com SUITE=https://www.certification.openid.net ALIAS=ours ./prepare.sh DIRECTORY
#
# Needs bash, openssl 3 and `bindery` in the path. The keys are made anew at each run and are for this run alone.
set -euo pipefail
export BINDERY_LOG=${BINDERY_LOG:-error}

into=${1:?"usage: $0 DIRECTORY"}
here=$(cd "$(dirname "$0")" && pwd)
host=${HOST:-localhost}
suite=${SUITE:-https://localhost.emobix.co.uk:8443}
alias=${ALIAS:-bindery}
fapi_port=${FAPI_PORT:-9443} mtls_port=${MTLS_PORT:-9444} openid_port=${OPENID_PORT:-9445}
resource_port=${RESOURCE_PORT:-9446} upstream=${UPSTREAM:-http://127.0.0.1:9447}
fapi=https://$host:$fapi_port
openid=https://$host:$openid_port
resource=https://$host:$resource_port
api=https://api.example.com

umask 077
mkdir -p "$into/suite"
cd "$into"

# Certificates: one authority for the server, the clients and the resource.
certificate() { # file, DNS name, use
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$2" \
    -keyout "$1.key" -out "$1.csr" 2>/dev/null
  printf 'subjectAltName=DNS:%s\nextendedKeyUsage=%s\nkeyUsage=digitalSignature\n' "$2" "$3" > "$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 90 -extfile "$1.ext" -out "$1.pem" 2>/dev/null
  rm "$1.csr" "$1.ext"
}
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 90 -subj '/CN=Certification run' \
  -addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign -keyout ca.key -out ca.pem 2>/dev/null
certificate server "$host" serverAuth
certificate client-1 client-1.example clientAuth
certificate client-2 client-2.example clientAuth
certificate resource resource.example clientAuth

# Keys as JWKs: PS256 for client 1, so that no module is skipped for want of an RSA key; ES256 for client 2.
base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
hexadecimal() { # digits of a number or of bytes
  local digits=$1
  if [ $((${#digits} % 2)) -eq 1 ]; then digits=0$digits; fi
  # shellcheck disable=SC2059
  printf "$(printf %s "$digits" | sed 's/../\\x&/g')" | base64url
}
openssl genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:2048 -out client-1.jwt.key 2>/dev/null
openssl genpkey -algorithm ec -pkeyopt ec_paramgen_curve:prime256v1 -out client-2.jwt.key 2>/dev/null
{
  read -r _version
  for member in n e d p q dp dq qi; do
    read -r digits
    declare "rsa_$member=$(hexadecimal "$digits")"
  done
} < <(openssl rsa -in client-1.jwt.key -traditional -outform DER 2>/dev/null | openssl asn1parse -inform DER |
  sed -n 's/.*INTEGER *://p')
ec_x=$(openssl pkey -in client-2.jwt.key -pubout -outform DER | tail -c 64 | head -c 32 | base64url)
ec_y=$(openssl pkey -in client-2.jwt.key -pubout -outform DER | tail -c 32 | base64url)
ec_d=$(hexadecimal "$(openssl ec -in client-2.jwt.key -outform DER 2>/dev/null | openssl asn1parse -inform DER |
  sed -n 's/.*OCTET STRING.*DUMP\]:\([0-9A-F]*\).*/\1/p' | head -1)")
public=(
  "{ kty = \"RSA\", alg = \"PS256\", use = \"sig\", kid = \"client-1\", e = \"$rsa_e\", n = \"$rsa_n\" }"
  "{ kty = \"EC\", alg = \"ES256\", use = \"sig\", kid = \"client-2\", crv = \"P-256\", x = \"$ec_x\", y = \"$ec_y\" }"
)
private=(
  "{\"kty\":\"RSA\",\"alg\":\"PS256\",\"use\":\"sig\",\"kid\":\"client-1\",\"n\":\"$rsa_n\",\"e\":\"$rsa_e\",\"d\":\"$rsa_d\",\"p\":\"$rsa_p\",\"q\":\"$rsa_q\",\"dp\":\"$rsa_dp\",\"dq\":\"$rsa_dq\",\"qi\":\"$rsa_qi\"}"
  "{\"kty\":\"EC\",\"alg\":\"ES256\",\"use\":\"sig\",\"kid\":\"client-2\",\"crv\":\"P-256\",\"x\":\"$ec_x\",\"y\":\"$ec_y\",\"d\":\"$ec_d\"}"
)
secret() { openssl rand 32 | base64url; }
digest() { printf %s "$1" | openssl dgst -sha256 -binary | base64url; }
password=$(secret)
basic=$(secret) basic_2=$(secret) post=$(secret)

# The FAPI issuer: the example's own head, and two clients for each combination that registers differently.
{
  sed -e '/^\[\[server.client\]\]/,$d' -e "s|login\.example\.com|$host|g" -e 's|clients-ca\.pem|ca.pem|' \
    -e "s|9443|$fapi_port|g" -e "s|9444|$mtls_port|g" "$here/../fapi2-security.toml"
  for auth in jwt mtls; do for bound in dpop mtls; do for requests in unsigned signed; do for number in 1 2; do
    query=; if [ $number = 2 ]; then query='?dummy1=lorem&dummy2=ipsum'; fi
    echo '[[server.client]]'
    echo "client_id = \"$auth-$bound-$requests-$number\""
    echo "client_name = \"Client $number\""
    if [ $auth = jwt ]; then echo 'token_endpoint_auth_method = "private_key_jwt"'; else
      echo 'token_endpoint_auth_method = "tls_client_auth"'
      echo "tls_client_auth_san_dns = \"client-$number.example\""
    fi
    echo "sender_constraint = \"$bound\""
    echo "require_signed_request_object = $([ $requests = signed ] && echo true || echo false)"
    echo 'grant_types = ["authorization_code", "refresh_token", "client_credentials"]'
    echo "redirect_uris = [\"$suite/test/a/$alias/callback$query\"]"
    echo 'scope = "openid profile accounts"'
    echo "audiences = [\"$api\"]"
    # The resource asks about every token, so that a revoked one is refused at once.
    echo 'access_token_format = "opaque"'
    echo "jwks.keys = [${public[number - 1]}]"
    echo
  done; done; done; done
  cat <<END
[[server.client]]
client_id = "resource"
token_endpoint_auth_method = "tls_client_auth"
tls_client_auth_san_dns = "resource.example"
grant_types = []
introspection_audiences = ["$api"]
END
} > fapi2.toml

# The OpenID Connect issuer: the example with the suite's addresses and new secrets. SUITE_CA is for a suite of one's
# own, whose certificate no public authority signed and whose address may be private.
digests="$(digest "$basic") $(digest "$basic_2") $(digest "$post")"
sed -e "s|openid\.example\.com:9443|$host:$openid_port|g" -e "s|0\.0\.0\.0:9443|0.0.0.0:$openid_port|" \
  -e "s|https://suite\.example/test/a/bindery|$suite/test/a/$alias|g" "$here/../openid.toml" |
  awk -v digests="$digests" 'BEGIN { split(digests, digest, " ") }
    /^client_secret_sha256/ { $0 = "client_secret_sha256 = \"" digest[++count] "\"" } { print }' > openid.toml
if [ -n "${SUITE_CA:-}" ]; then
  name=$(printf %s "$suite" | sed 's|^https://\([^:/]*\).*|\1|')
  sed -i.before -e "s|^# \[server.client_keys\]|[server.client_keys]|" \
    -e "s|^# dangerous_private_hosts = .*|dangerous_private_hosts = [\"$name\"]\nroots_file = \"$SUITE_CA\"|" openid.toml
  rm openid.toml.before
fi

cat > gateway.toml <<END
issuer_roots_file = "ca.pem"
issuer_certificate_file = "resource.pem"
issuer_key_file = "resource.key"

[listener]
address = "0.0.0.0:$resource_port"
certificate_file = "server.pem"
key_file = "server.key"

[gateway.upstream]
url = "$upstream"

[gateway.guard]
public_urls = ["$resource"]

[[gateway.guard.issuer]]
issuer = "$fapi"
audiences = ["$api"]

[gateway.guard.issuer.introspection]
endpoint = "https://$host:$mtls_port/introspect"
client_id = "resource"
cache_seconds = 0

[[gateway.guard.route]]
path = "/accounts"
scope = "accounts"
END

# What the suite's browser does on our pages. Every task is optional: a module that expects an error waits for it.
browser() { # issuer, the button of the sign-in page
  local commands='["text","id","username","alice"],["text","id","password","'$password'"],["click","id","'$2'"]'
  if [ "$2" != login ]; then commands='["click","id","'$2'"]'; fi
  cat <<END
[ { "match": "$1/authorize*", "tasks": [
      { "task": "Error page", "optional": true, "match": "$1/authorize*",
        "commands": [ ["wait","id","oauth-error",10,".*","update-image-placeholder-optional"] ] },
      { "task": "Sign in", "optional": true, "match": "$1/login*",
        "commands": [ ["wait","id","login",10,".*","update-image-placeholder-optional"], $commands ] },
      { "task": "Consent", "optional": true, "match": "$1/consent*", "commands": [ ["click","id","allow"] ] },
      { "task": "Back at the client", "optional": true, "match": "*/test/a/$alias/callback*",
        "commands": [ ["wait","id","submission_complete",10] ] } ] },
    { "match": "$1/end_session*", "tasks": [
      { "task": "Confirm", "optional": true, "match": "$1/end_session*", "commands": [ ["click","id","logout","optional"] ] },
      { "task": "Signed out or refused", "optional": true, "match": "$1/end_session*",
        "commands": [ ["wait","css","#message, #oauth-error",10,".*","update-image-placeholder-optional"] ] } ] } ]
END
}
pem() { awk '{ printf "%s\\n", $0 }' "$1"; }
fapi_client() { # combination, number, scope
  local algorithm=PS256; if [ "$2" = 2 ]; then algorithm=ES256; fi
  echo "{ \"client_id\": \"$1-$2\", \"scope\": \"$3\", \"dpop_signing_alg\": \"$algorithm\", \"jwks\": { \"keys\": [ ${private[$2 - 1]} ] } }"
}
certificates() { # number
  echo "{ \"cert\": \"$(pem "client-$1.pem")\", \"key\": \"$(pem "client-$1.key")\", \"ca\": \"$(pem ca.pem)\" }"
}
normal=$(browser "$fapi" login)
for auth in jwt mtls; do for bound in dpop mtls; do for requests in unsigned signed; do for flow in openid plain; do
  clients=$auth-$bound-$requests
  scope='openid profile accounts' metadata=openid-configuration
  if [ $flow = plain ]; then scope=accounts metadata=oauth-authorization-server; fi
  mtls=; if [ $auth-$bound != jwt-dpop ]; then mtls=$(printf '"mtls": %s,\n  "mtls2": %s,' "$(certificates 1)" "$(certificates 2)"); fi
  cat > "suite/fapi2-$clients-$flow.json" <<END
{
  "alias": "$alias",
  "description": "Bindery, FAPI 2.0, $clients, $flow",
  "server": { "discoveryUrl": "$fapi/.well-known/$metadata" },
  "client": $(fapi_client $clients 1 "$scope"),
  "client2": $(fapi_client $clients 2 "$scope"),
  $mtls
  "resource": { "resourceUrl": "$resource/accounts" },
  "browser": $normal,
  "override": {
    "fapi2-security-profile-final-user-rejects-authentication": { "browser": $(browser "$fapi" cancel) },
    "fapi2-security-profile-final-par-ensure-reused-request-uri-prior-to-auth-completion-succeeds": { "browser":
      [ { "match": "$fapi/authorize*", "match-limit": 1, "tasks": [] }, ${normal#\[} }
  }
}
END
done; done; done; done

cat > suite/openid.json <<END
{
  "alias": "$alias",
  "description": "Bindery, OpenID Connect, static clients",
  "server": { "discoveryUrl": "$openid/.well-known/openid-configuration", "login_hint": "alice" },
  "client": { "client_id": "basic", "client_secret": "$basic" },
  "client2": { "client_id": "basic-2", "client_secret": "$basic_2" },
  "client_secret_post": { "client_id": "post", "client_secret": "$post" },
  "browser": $(browser "$openid" login)
}
END
cat > suite/openid-dynamic.json <<END
{
  "alias": "$alias",
  "description": "Bindery, OpenID Connect, dynamic clients",
  "server": { "discoveryUrl": "$openid/.well-known/openid-configuration", "login_hint": "alice" },
  "client": { "client_name": "Certification" },
  "browser": $(browser "$openid" login)
}
END

# The person, with every standard claim: a claim that is missing is a warning.
for file in fapi2.toml openid.toml; do
  bindery server --check --config "$file"
  printf '%s\n' "$password" | bindery account --config "$file" add alice \
    --claim=name='Alice Example' --claim=given_name=Alice --claim=family_name=Example --claim=middle_name=A. \
    --claim=nickname=al --claim=preferred_username=alice --claim=profile=https://alice.example \
    --claim=picture=https://alice.example/picture --claim=website=https://alice.example --claim=gender=female \
    --claim=birthdate=1990-01-31 --claim=zoneinfo=Europe/Vienna --claim=locale=de-AT --claim=updated_at=1700000000 \
    --claim=email=alice@example.com --claim=email_verified=true --claim=phone_number='"+43 1 2345"' \
    --claim=phone_number_verified=true \
    --claim=address='{"formatted":"Ring 1, Wien","street_address":"Ring 1","locality":"Wien","region":"Wien","postal_code":"1010","country":"AT"}' > /dev/null
done
bindery gateway --check --config gateway.toml
echo "$password" > password
echo "Prepared in $PWD: start the servers there, and paste a file of suite/ into the suite."
