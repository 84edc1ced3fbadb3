# What the manifests expect of postgres:17-alpine, where that image cannot be had: uid 70,
# POSTGRES_* in the environment, PGDATA made at the first start, only then TCP.
ARG BASE
FROM ${BASE}
RUN groupadd --gid 70 postgres \
 && useradd --uid 70 --gid 70 --no-create-home postgres \
 && apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends postgresql > /dev/null \
 && ln -s /usr/lib/postgresql/*/bin/* /usr/local/bin/ \
 && rm -rf /var/lib/apt/lists/* /usr/share/doc /usr/share/locale /var/lib/postgresql \
    /usr/lib/*/libLLVM*
COPY postgres-entrypoint /usr/local/bin/
USER 70:70
STOPSIGNAL SIGINT
ENTRYPOINT ["sh", "/usr/local/bin/postgres-entrypoint"]
