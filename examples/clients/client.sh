#!/bin/sh
# emotone serve by curl: sh client.sh talk.wav   (EMOTONE_URL and EMOTONE_TOKEN as the server printed them)
set -eu
url=${EMOTONE_URL:-http://127.0.0.1:8642}
ask() { curl --silent --show-error --header "Authorization: Bearer $EMOTONE_TOKEN" "$@"; }

# utterances as subtitles
ask --form "file=@$1" --form utterances=true --form as=srt "$url/v1/predictions"

# the three moments that are most aroused
ask --form "file=@$1" --form attribute=arousal --form highest=3 --form as=csv "$url/v1/moments"

# a long one: a job, its progress, its rows
job=$(ask --form "file=@$1" --form wait=0 "$url/v1/predictions" | sed 's/.*"id": *"\([^"]*\)".*/\1/')
ask --no-buffer "$url/v1/jobs/$job/events"
ask "$url/v1/jobs/$job/result?as=csv"
ask --request DELETE "$url/v1/jobs/$job"
