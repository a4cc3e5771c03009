#!/usr/bin/env bash
# Prints the home of a Java that Spark runs on (17 or newer), to be used as JAVA_HOME.
# Looks at JAVA_HOME, at PATH, then where Debian, Homebrew and conda put one. Where there is none,
# Debian's package is installed if this user may; if not, the line to type is shown.
set -euo pipefail

oldest=17

# Prints the home of the given java command if it runs and is new enough. It must run: macOS ships
# a `java` that only says that there is none. "1.8" is how Java 8 writes its version.
home_of() {
    local properties version
    properties="$("$1" -XshowSettings:properties -version 2>&1)" || return 1
    version="$(sed -n 's/^ *java\.specification\.version = //p' <<<"$properties")"
    version="${version#1.}"
    [ "${version:-0}" -ge "$oldest" ] 2>/dev/null || return 1
    sed -n 's/^ *java\.home = //p' <<<"$properties"
}

find_java() {
    if [ -n "${JAVA_HOME:-}" ]; then
        home_of "$JAVA_HOME/bin/java" && return
        echo "JAVA_HOME=$JAVA_HOME is not a Java $oldest or newer: looking further." >&2
    fi
    home_of java && return
    local java
    # Oldest first, so that 17, which the tests run on, wins where there are several.
    for java in \
        /usr/lib/jvm/*-17-*/bin/java \
        /usr/lib/jvm/*/bin/java \
        /opt/homebrew/opt/openjdk@17/bin/java \
        /opt/homebrew/opt/openjdk*/bin/java \
        /usr/local/opt/openjdk@17/bin/java \
        /usr/local/opt/openjdk*/bin/java \
        /Library/Java/JavaVirtualMachines/*/Contents/Home/bin/java \
        "${CONDA_PREFIX:-/nonexistent}"/lib/jvm/bin/java; do
        if [ -x "$java" ] && home_of "$java"; then return; fi
    done
    return 1
}

find_java && exit 0

# Debian 13 and newer Ubuntus no longer have 17.
here="$(dirname "$0")"
if "$here/debian.sh" openjdk-17-jre-headless || "$here/debian.sh" openjdk-21-jre-headless; then
    find_java && exit 0
fi

cat >&2 <<EOF
Java $oldest or newer is needed by Spark, and none was found. To get it, type
  on Debian:   sudo apt-get install openjdk-17-jre-headless
  on macOS:    brew install openjdk@17
  with conda:  conda install -c conda-forge openjdk=17
then run make again. A Java that lies elsewhere is found through JAVA_HOME.
EOF
exit 1
