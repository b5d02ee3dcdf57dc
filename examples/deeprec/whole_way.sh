#!/usr/bin/env bash
# The whole way with the program `deeprec`, on a log made here: prepare, train, evaluate, recommend, explain, batch,
# serve. Prints what goes wrong and returns 1. usage: whole_way.sh PROGRAM [LOAD_TEST], by default the one beside PROGRAM
set -euo pipefail
deeprec="$(realpath "$1")"
page="$(realpath "$(dirname "$0")/../../docs/program.md")"
load_test="$(realpath "${2:-$(dirname "$deeprec")/load_test}")"
cd "$(mktemp -d)"
server=""
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$PWD"' EXIT

fail() { echo "FAILED: $*" >&2; exit 1; }
# has TEXT COMMAND...: what the command prints has the text.
has() {
    local text="$1" printed
    shift
    printed="$("$@" 2>&1)" || true
    case "$printed" in *"$text"*) ;; *) fail "expected '$text' of '$*', received: $printed" ;; esac
}
# ends CODE COMMAND...
ends() {
    local wanted="$1" code=0
    shift
    "$@" >out.txt 2>&1 || code=$?
    [ "$code" = "$wanted" ] || fail "expected exit code $wanted of '$*', received $code: $(cat out.txt)"
}

# 60 users walk around 30 items, mostly from one to the next; items are of 3 genres.
awk 'BEGIN {
    print "user_id,sku,timestamp"
    x = 1
    for (u = 1; u <= 60; ++u) {
        item = u % 30
        for (t = 0; t < 12; ++t) {
            print "u" u ",i" item + 1 "," 1700000000 + 1000 * t + u
            x = (x * 1103 + 12345) % 65536
            item = (item + (x % 10 < 8 ? 1 : x % 7)) % 30
        }
    }
}' >events.csv
awk 'BEGIN {
    print "sku,title,genres"
    split("Drama Comedy Drama|Crime", genre, " ")
    for (i = 1; i <= 30; ++i) print "i" i ",\"Film " i ", the one\"," genre[1 + i % 3]
    print "i31,Nobody saw it,Crime"
}' >items.csv

# Errors are one sentence, and their codes say whose they are.
ends 0 "$deeprec" --help
for command in prepare train evaluate recommend similar explain batch grow export verify report serve; do
    has "Example:" "$deeprec" "$command" --help
done
ends 2 "$deeprec" train
ends 2 "$deeprec" fly
ends 1 "$deeprec" prepare missing.csv
[ "$(wc -l <out.txt)" = 1 ] || fail "expected one line, received: $(cat out.txt)"
ends 1 "$deeprec" train events.csv

has "720 rows read, 720 kept" "$deeprec" prepare events.csv --items items.csv -o data.deeprec
printf 'user,item\nann,a\n,b\n' >holes.csv
has "holes.csv:3:1: expected a key, received an empty field; --skip-bad-rows passes" "$deeprec" prepare holes.csv -o other.deeprec
has "which of the columns sku, title, genres says who it was? Say it by --user" "$deeprec" prepare items.csv -o other.deeprec
printf 'listener;track no;played_at\nann;a;2026-03-01T00:00:00Z\nbo;b;2026-03-02T00:00:00Z\n' >plays.csv
printf 'track no;headline\na;One\nb;Two\n' >tracks.csv
has "user = listener, item = track no, time = played_at" "$deeprec" prepare plays.csv --item "track no" -o other.deeprec
has "tracks.csv: key = track no" "$deeprec" prepare plays.csv --item "track no" --items tracks.csv -o other.deeprec
printf 'user,item,kind,price\nann,a,view,1\nbo,b,view,2\n' >more.csv
has "not read: kind, price" "$deeprec" prepare more.csv -o other.deeprec
has "not read: kind (" "$deeprec" prepare more.csv --columns price:number -o other.deeprec
ends 0 "$deeprec" train data.deeprec -o shop.deeprec --recipe markov
ends 0 "$deeprec" train data.deeprec -o knn.deeprec --recipe item-knn
ends 0 "$deeprec" train data.deeprec --recipe item-knn --write-config train.toml
has 'recipe="item-knn"' cat train.toml
ends 0 "$deeprec" train --config train.toml data.deeprec -o again.deeprec
cmp -s knn.deeprec again.deeprec || fail "a configuration trains something else than the options that wrote it"
# configured COMMAND ARGUMENTS...: with its options in a file a command does and prints what it does with them.
configured() {
    has "Next: deeprec $1 --config options.toml" "$deeprec" "$@" --write-config options.toml
    local printed
    printed="$("$deeprec" "$@" 2>&1)"
    [ "$("$deeprec" "$1" --config options.toml 2>&1)" = "$printed" ] ||
        fail "'$*' differs with --config: $("$deeprec" "$1" --config options.toml 2>&1)"
}
configured prepare events.csv --items items.csv --item-columns title:text,genres:categories -o configured.deeprec
cmp -s data.deeprec configured.deeprec || fail "a configuration prepares something else"
configured evaluate data.deeprec shop.deeprec knn.deeprec -k 5
configured recommend shop.deeprec --history i9 i10 --filter genres=Comedy -k 3
configured similar shop.deeprec i10 -k 2
configured explain shop.deeprec i11 --history i10
configured batch shop.deeprec -k 2 -o configured.csv
configured report data.deeprec shop.deeprec -o configured.html --people 2
configured export knn.deeprec -o configured.export --similar 2
configured verify shop.deeprec
printf '[train]\nepoch=3\n' >wrong.toml
ends 2 "$deeprec" train data.deeprec --config wrong.toml
has "there is no option train.epoch" cat out.txt
has "Next: deeprec grow" "$deeprec" grow shop.deeprec data.deeprec --write-config options.toml
has "Next: deeprec serve" "$deeprec" serve shop.deeprec --port 1234 --write-config options.toml
has "port=1234" cat options.toml
has "60 queries" "$deeprec" evaluate data.deeprec shop.deeprec knn.deeprec
has "i11" "$deeprec" recommend shop.deeprec --history i10 -k 1
has "Film 10, the one" "$deeprec" recommend shop.deeprec --history i10 -k 1
has "column" "$deeprec" recommend shop.deeprec --history i10 --filter colour=red
has "unknown key i99" "$deeprec" recommend shop.deeprec --history i10 i99
"$deeprec" recommend shop.deeprec --history i10 -k 5 --filter genres=Comedy | tail -n +2 | cut -f 2 | tr -d i |
    while read -r i; do [ $((i % 3)) = 1 ] || fail "i$i is no comedy"; done
has "i11" "$deeprec" similar shop.deeprec i10 -k 1
has "adds" "$deeprec" explain shop.deeprec i11 --history i10
ends 0 "$deeprec" batch shop.deeprec -k 3 -o lists.csv
printf '\357\273\277u1\r\n\r\nu2\r\n' >users.txt
has "2 users (0 of them unknown" "$deeprec" batch shop.deeprec --users users.txt -o few.csv
ends 1 "$deeprec" batch shop.deeprec --users . -o few.csv
[ "$(wc -l <lists.csv)" = 181 ] || fail "expected lists of 3 for 60 users, received $(wc -l <lists.csv) lines"

# Networks: a training that Ctrl-C stops says how to go on, and then makes the same bundle, to the byte.
network=(data.deeprec --recipe rnn --width 16 --hidden 16 --epochs 150 --patience 150)
ends 0 "$deeprec" train "${network[@]}" -o whole.deeprec --run whole.run
"$deeprec" train "${network[@]}" -o stopped.deeprec --run stopped.run >stopped.txt 2>&1 &
server=$!
for _ in $(seq 1000); do [ -s stopped.run/last.state ] && break; sleep 0.01; done
kill -INT "$server"
code=0
wait "$server" || code=$?
server=""
[ "$code" = 130 ] || fail "expected exit code 130 after Ctrl-C, received $code: $(cat stopped.txt)"
has "go on with:" cat stopped.txt
has "train ${network[*]} -o stopped.deeprec --run stopped.run --resume" cat stopped.txt
[ ! -e stopped.deeprec ] || fail "a training that was stopped wrote a bundle"
ends 0 "$deeprec" train "${network[@]}" -o stopped.deeprec --run stopped.run --resume
cmp whole.deeprec stopped.deeprec || fail "a training that was stopped and resumed makes another bundle"
ends 0 "$deeprec" train data.deeprec -o hybrid.deeprec --recipe hybrid --epochs 3 --width 16 --hidden 16
has "Weights: rnn" cat out.txt
has "hybrid.deeprec less markov" "$deeprec" evaluate data.deeprec hybrid.deeprec
ends 0 "$deeprec" train data.deeprec -o cnn.deeprec --recipe cnn --epochs 2 --width 16 --hidden 16
ends 0 "$deeprec" export cnn.deeprec -o exported.cnn --similar 2
for file in model.onnx item_vectors.npy items.csv similar.csv; do
    [ -s "exported.cnn/$file" ] || fail "export leaves no $file: $(ls exported.cnn)"
done
# Several recipes within a time; the best by validation is kept.
ends 0 "$deeprec" train data.deeprec -o best.deeprec --recipe best --time 6s --width 16 --hidden 16
most="$(sed -n 's/.*: validation .*NDCG@10 //p' out.txt | sort -n | tail -n 1)"
has "Best: $(sed -n "s/: validation .*NDCG@10 $most\$//p" out.txt | head -n 1)" cat out.txt
has "NDCG@10 $most (popularity" cat out.txt
has "recipe $(sed -n 's/^Best: //p' out.txt)," "$deeprec" verify best.deeprec
ends 1 "$deeprec" train data.deeprec --recipe best --split none

# The files: verify, export, grow, report.
has "its own request has its own answer" "$deeprec" verify shop.deeprec
has "protocol: split last, 60 validation events" "$deeprec" verify shop.deeprec
has "validation: HR@10 0." "$deeprec" verify shop.deeprec
has "sha256 $(sha256sum shop.deeprec | cut -d ' ' -f 1)" "$deeprec" verify shop.deeprec
ends 1 "$deeprec" verify shop.deeprec --sha256 0000
head -c 3000 shop.deeprec >broken.deeprec
ends 1 "$deeprec" verify broken.deeprec
ends 0 "$deeprec" export shop.deeprec -o exported --similar 2
has '31,i31,Crime' cut -d , -f 1,2,3 exported/items.csv
[ "$(wc -l <exported/similar.csv)" -gt 31 ] || fail "expected similar items, received $(cat exported/similar.csv)"
printf 'user_id,sku,timestamp\nnew one,i10,1800000000\nu1,i32,1800000001\n' >today.csv
printf 'sku,title,genres\ni32,Came today,Drama\n' >new.csv
has "2 rows read" "$deeprec" prepare today.csv --items new.csv -o today.deeprec
has "1 new items, 1 new users and 2 more events" "$deeprec" grow shop.deeprec today.deeprec -o grown.deeprec
has "i11" "$deeprec" recommend grown.deeprec --user "new one" -k 1
has "Came today" "$deeprec" recommend grown.deeprec --history i10 -k 32
has "its own request" "$deeprec" verify grown.deeprec
ends 1 "$deeprec" evaluate data.deeprec grown.deeprec
ends 0 "$deeprec" train data.deeprec -o towers.deeprec --recipe two-tower-cnn --epochs 1 --samples 200 --width 8 --threads 1
has "1 new items, 1 new users and 2 more events" "$deeprec" grow towers.deeprec today.deeprec
has "Came today" "$deeprec" recommend towers.deeprec --history i10 -k 32
has "its own request" "$deeprec" verify towers.deeprec
ends 0 "$deeprec" report data.deeprec shop.deeprec -o report.html --people 3
has '60 events that training did not see' cat report.html
has '<h2>3 people</h2>' cat report.html
case "$(cat report.html)" in *nan*|*http:*|*https:*) fail "the report has what it should not have" ;; esac

# A model that reads what the log says of events and users.
awk -F , 'NR == 1 { print $0 ",kind"; next } { print $0 "," (NR % 3 ? "view" : "cart") }' events.csv >kinds.csv
awk 'BEGIN { print "user_id,country"; for (u = 1; u <= 50; ++u) print "u" u "," (u % 2 ? "NZ" : "PE") }' >users.csv
ends 0 "$deeprec" prepare kinds.csv --items items.csv --users users.csv --type kind -o kinds.deeprec
ends 1 "$deeprec" train kinds.deeprec --recipe markov --fields
ends 0 "$deeprec" train kinds.deeprec -o fields.deeprec --recipe cnn --fields --epochs 2 --width 16 --hidden 16
has "60 queries" "$deeprec" evaluate kinds.deeprec shop.deeprec fields.deeprec
has "its own request" "$deeprec" verify fields.deeprec
has "its kind" "$deeprec" explain fields.deeprec i11 --user u1
has ", step.kind, " "$deeprec" export fields.deeprec -o exported --similar 2
grep -q user.country exported/model.onnx || fail "expected the fields of users in model.onnx"
has "(31, 17, )" sh -c "head -c 128 exported/search_vectors.npy | tr -d \"\\0\""
has "the user's country" "$deeprec" explain fields.deeprec i11 --user u1
[ "$("$deeprec" recommend fields.deeprec --user u1 | wc -l)" = 11 ] || fail "expected ten items for u1"
ends 0 "$deeprec" batch fields.deeprec -k 3 -o lists.csv
ends 0 "$deeprec" report kinds.deeprec fields.deeprec -o report.html --people 3
printf 'user_id,sku,timestamp,kind\nu1,i10,1800000000,cart\n' >today.csv
printf 'user_id,country\nu1,PE\n' >today_users.csv
ends 0 "$deeprec" prepare today.csv --users today_users.csv --type kind -o today.deeprec
has "0 new users and 1 more events" "$deeprec" grow fields.deeprec today.deeprec -o grown.deeprec
[ "$("$deeprec" recommend grown.deeprec --user u1)" != "$("$deeprec" recommend fields.deeprec --user u1)" ] ||
    fail "an event and another country change nothing"

# The server. http METHOD PATH [BODY [HEADER]] prints status and answer.
port=$((20000 + $$ % 20000))
"$deeprec" serve shop.deeprec knn.deeprec fields.deeprec --port "$port" --token secret --max-body 500 >server.txt 2>&1 &
server=$!
http() {
    local body="${3:-}"
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    printf '%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %s\r\n%s\r\n%s' \
        "$1" "$2" "${#body}" "${4:+$4$'\r\n'}" "$body" >&3
    cat <&3
    exec 3>&-
}
for _ in $(seq 100); do grep -q "until Ctrl-C" server.txt && break; sleep 0.1; done
grep -q "until Ctrl-C" server.txt || fail "the server does not start: $(cat server.txt)"
ends 1 timeout 10 "$deeprec" serve shop.deeprec --port "$port" # which is taken
ends 1 timeout 10 "$deeprec" serve shop.deeprec --host 0.0.0.0 --port $((port + 1))
has "give a --token" cat out.txt
token="Authorization: Bearer secret"
has '"status":"ok"' http GET /healthz
has '<title>deeprec</title>' http GET /
has '"key":"i11"' http POST /api/recommend '{"history": ["i10"], "k": 1, "explain": true}'
has '"because":[{"key":"i10"' http POST /api/recommend '{"history": ["i10"], "k": 1, "explain": true}'
has '"unknown":["i99"]' http POST /api/recommend '{"history": ["i10", "i99"], "k": 1}'
has '"key":"i11"' http GET '/api/items/i10/similar?k=1'
has 'Nobody saw it' http GET '/api/items?search=nobody'
has ' 404 ' http GET /api/items/i99/similar
has ' 404 ' http GET /nothing
has '"openapi": "3.0.3"' http GET /openapi.json
has '"name":"knn.deeprec"' http GET /api/about
has '"protocol":"split last, 60 validation events' http GET /api/about
has '"key":"i11"' http POST /api/recommend '{"history": ["i10"], "k": 1, "model": 2}'
has ' 400 ' http POST /api/recommend '{"history": ["i10"], "k": 1, "model": 4}'
asked='{"history": ["i9", "i10"], "model": 3, "explain": true, "about_user": {"country": "NZ"}, "events": [{"kind": "view", "time": 9}, {"kind": "KIND", "time": 70}]}'
view="$(http POST /api/recommend "${asked/KIND/view}" | tail -n 1)"
case "$view" in *'"because":[{'*) ;; *) fail "expected items with reasons, received $view" ;; esac
[ "$view" != "$(http POST /api/recommend "${asked/KIND/cart}" | tail -n 1)" ] || fail "the kind of an event changes nothing"
has "'colour', which is no feature" http POST /api/recommend "${asked//kind/colour}"
has 'expected fields of the 2 events of the history, received 1 rows' http POST /api/recommend '{"history": ["i9", "i10"], "model": 3, "events": [{}]}'
has 'the model reads none' http POST /api/recommend '{"history": ["i9"], "events": [{}]}'
has ' 404 ' http DELETE /api/items/i99 '' "Authorization: Bearer secret"
for body in '{' '[]' '{"k": -1}' '{"k": 1001}' '{"k": "ten"}' '{"history": "i10"}' '{"history": [1]}' '{"colour": 1}' '{"diversity": 2}'; do
    has ' 400 ' http POST /api/recommend "$body"
    has '"error":' http POST /api/recommend "$body"
done
has ' 422 ' http POST /api/recommend '{"filters": {"colour": "red"}}'
has 'in which no item has one' http POST /api/recommend '{"filters": {"genres": "5..20"}}'
deep="$(printf '%200000s' '' | tr ' ' '[')$(printf '%200000s' '' | tr ' ' ']')"
has 'is there twice' http POST /api/recommend '{"k": 1, "k": 2}'
has 'at most 16 levels' http POST /api/recommend "{\"k\": $deep}"
has 'at most 16 levels' http POST /api/items "{\"items\": [{\"title\": $deep}]}" "$token"
[ "$(http GET /healthz '' "Range: bytes=0-$(printf '%2000s' '' | sed 's/ /,0-/g')" | wc -c)" -lt 1000 ] || fail "a small request has a large answer"
has ' 401 ' http DELETE /api/items/i11
has '"removed":1' http DELETE /api/items/i11 '' "$token"
case "$(http POST /api/recommend '{"history": ["i10"], "k": 1}')" in *'"key":"i11"'*) fail "i11 was removed" ;; esac
has '"added":1' http POST /api/items '{"items": [{"key": "i11"}, {"key": "new", "title": "New one", "genres": ["Drama"]}]}' "$token"
has '"key":"i11"' http POST /api/recommend '{"history": ["i10"], "k": 1}'
has '"title":"New one"' http GET '/api/items?search=new'
has '"version":4' http POST /api/reload '{}' "$token"
has 'deeprec_model_version 4' http GET /metrics
has ' 413 ' http POST /api/recommend "{\"k\": $deep$deep}"
metrics="$(http GET /metrics | tr -d '\r')"
has 'deeprec_requests_total{path="/api/recommend",status="400"}' echo "$metrics"
has 'deeprec_requests_total{path="refused",status="404"}' echo "$metrics"
has 'deeprec_requests_total{path="refused",status="413"} 1' echo "$metrics"
count="$(sed -n 's/^deeprec_request_seconds_count //p' <<<"$metrics")"
[ "$count" -gt 40 ] || fail "expected the count of all requests, received $count"
has "deeprec_request_seconds_bucket{le=\"+Inf\"} $count" echo "$metrics"
[ "$(awk '/^deeprec_requests_total/ { sum += $NF } END { print sum }' <<<"$metrics")" = "$count" ] ||
    fail "the requests by path do not add up to $count: $metrics"
# A request that has begun is answered though the server is told to end.
body='{"history": ["i10"], "k": 1}'
exec 4<>"/dev/tcp/127.0.0.1/$port"
printf 'POST /api/recommend HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %s\r\n\r\n%s' \
    "${#body}" "${body:0:10}" >&4
sleep 0.3
kill -TERM "$server"
sleep 0.3
printf '%s' "${body:10}" >&4
case "$(cat <&4)" in *' 200 '*'"key":"i11"'*) ;; *) fail "a request that had begun has no answer" ;; esac
exec 4>&-
wait "$server" || fail "the server ended with $?: $(cat server.txt)"
server=""
# Explanations have a bound in time.
"$deeprec" serve fields.deeprec --port "$port" --max-seconds 0 >server.txt 2>&1 &
server=$!
for _ in $(seq 100); do grep -q "until Ctrl-C" server.txt && break; sleep 0.1; done
has ' 200 ' http POST /api/recommend '{"history": ["i10"], "k": 3}'
has ' 503 ' http POST /api/recommend '{"history": ["i10"], "k": 3, "explain": true}'
kill -TERM "$server"
wait "$server" || fail "the server ended with $?: $(cat server.txt)"
server=""
# Load, in small: nothing fails, answers are one model's, memory stays.
"$load_test" "$deeprec" speed shop.deeprec --requests 2000
"$load_test" "$deeprec" reloads shop.deeprec knn.deeprec --requests 2000
"$load_test" "$deeprec" malformed shop.deeprec --requests 2000

# The commands of docs/program.md, as they stand there: on files of those names, the server at another port.
mkdir page
sed 's/,i/,SKU-/' events.csv >page/events.csv
sed 's/^i/SKU-/; 1s/$/,price/; 2,$s/$/,9.5/' items.csv >page/items.csv
awk -F , 'NR > 1 { print $1 "\t" $2 "\t" 1 + NR % 5 "\t" $3 }' events.csv >page/u.data
awk -F , -v OFS='\t' 'BEGIN { split("view buy hover", kind, " ") }
    NR == 1 { print "user", "item", "time", "event"; print "NULL", "i1", 1700000000, "view"; next }
    { print $1, $2, $3, kind[1 + NR % 3] }' events.csv >page/log.tsv
printf 'user_id,sku,timestamp\nu1,SKU-3,1800000000\n' >page/today.csv
awk '/^```sh/ { on = 1; next } /^```/ { on = 0 } on && !/^(\.\/dev|alias) /' "$page" >page/commands.sh
[ "$(grep -c '^deeprec' page/commands.sh)" -ge 8 ] || fail "expected the commands of $page, received $(cat page/commands.sh)"
page_deeprec() {
    [ "$1" = serve ] || { "$program" "$@"; return; }
    "$program" "$@" --port "$port" >server.txt 2>&1 &
    echo $! >server.pid
    for _ in $(seq 100); do grep -q "until Ctrl-C" server.txt && break; sleep 0.1; done
}
page_curl() { # [-X POST] -H HEADER -d BODY URL
    local body=""
    while [ $# -gt 1 ]; do
        [ "$1" != -d ] || body="$2"
        shift
    done
    http POST "/${1#*//*/}" "$body" >answer.txt
    grep -q ' 200 ' answer.txt
}
export -f http page_deeprec page_curl
(cd page && program="$deeprec" port="$port" bash -eu -c 'deeprec() { page_deeprec "$@"; }; curl() { page_curl "$@"; }
    set -x; . ./commands.sh') >page.txt 2>&1 || fail "a command of docs/program.md: $(tail -n 20 page.txt)"
server="$(cat page/server.pid)"
grep -q '"items"' page/answer.txt || fail "expected recommendations, received $(cat page/answer.txt)"
kill -TERM "$server"
server=""
echo "The whole way: all passed"
