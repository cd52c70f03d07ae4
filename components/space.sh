#!/bin/sh
# How much room the photo disk has, and whether it is the kubelet's own: functions for the scripts that this is put before.
#
# DIRECTORY  the photo directory, without a trailing slash
# KUBELETS   a directory on the kubelet's filesystem: an emptyDir, or a ConfigMap's volume

FREE='' TOTAL='' INODES_FREE='' INODES='' DEVICE='' ON_NODE=''

measure() { # sets what is named above, in MiB; INODES is 0 where the filesystem counts none
    # What is mounted, and where, may have blanks in it.
    space=$(df -Pk "$DIRECTORY" | awk 'NR == 2 { sub(/ +[0-9-]+%? +\/.*/, ""); print int($NF / 1024), int($(NF - 2) / 1024) }')
    FREE=${space% *} TOTAL=${space#* }
    FREE=${FREE:-0} TOTAL=${TOTAL:-0}
    counted=$(stat -f -c '%d %c' "$DIRECTORY" 2>/dev/null || :)
    INODES_FREE=${counted% *} INODES=${counted#* }
    DEVICE=$(stat -c %d "$DIRECTORY" 2>/dev/null || :)
    # A bind mount is no filesystem of its own. What cannot be told apart counts as the kubelet's, which is the worse.
    ON_NODE=true
    [ "$DEVICE" = "$(stat -c %d "$KUBELETS" 2>/dev/null || :)" ] || ON_NODE=false
}

report_space() { # code, sentence, then names and values: reports them with what was measured last
    report "$@" free "$FREE" total "$TOTAL" inodesFree "$INODES_FREE" inodes "$INODES" device "$DEVICE" onNode "$ON_NODE"
}
