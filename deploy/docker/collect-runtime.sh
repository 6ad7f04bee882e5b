#!/bin/sh
# Creates the root file system of an image that contains only a program and the files that it needs to run.
#   collect-runtime.sh BINARY ROOT
set -eu
binary=$1
root=$2

install -D -m 755 "$binary" "$root/usr/local/bin/genai_usage_exporter"

# The libraries and the loader, each at the path where the loader looks. Since 2.34 glibc contains its own name lookup,
# so nothing else is loaded at run time.
libraries=$(ldd "$binary")
case $libraries in *"not found"*) echo "$libraries" >&2; exit 1 ;; esac
echo "$libraries" | grep -oE '/[^ ]+' | sort -u | while read -r library; do
    install -D -m 755 "$library" "$root$library"
done

install -D -m 644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
echo 'hosts: files dns' > "$root/etc/nsswitch.conf"
echo 'nonroot:x:65532:65532:nonroot:/:/sbin/nologin' > "$root/etc/passwd"
echo 'nonroot:x:65532:' > "$root/etc/group"
install -d -m 1777 "$root/tmp"

# Commands without flags look for genai_usage_exporter.yml and data in the working folder, which is /.
install -d "$root/etc/genai_usage_exporter"
ln -s etc/genai_usage_exporter/genai_usage_exporter.yml "$root/genai_usage_exporter.yml"
