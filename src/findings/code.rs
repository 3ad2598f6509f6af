use std::fmt;

use serde::{Deserialize, Serialize};

/// There is no such code.
#[derive(Debug, thiserror::Error)]
#[error("no finding has the code `{0}`")]
pub struct UnknownCode(String);

macro_rules! codes {
    ($($code:ident $name:ident $title:literal,)*) => {
        /// The stable code of a finding. A code is never given a second meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub enum Code {
            $(
                #[doc = $title]
                $name,
            )*
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// As people write it, such as `LC-A03`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => concat!("LC-", stringify!($code)),)*
                }
            }

            /// What it says, in a few words.
            pub fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)*
                }
            }
        }
    };
}

codes! {
    A01 NoAnchors "No trust anchors",
    A02 GarbageInBundle "Trust bundle holds something that is not a certificate",
    A03 AnchorExpired "Trust anchor in use has expired",
    A04 AnchorNotYetValid "Trust anchor is not valid yet",
    A05 AnchorNearEnd "Trust anchor is near its end",
    A06 AnchorAlgorithm "Trust anchor has a key or signature that Linkerd refuses",
    A07 AnchorNotCa "Trust anchor may not sign an issuer",
    A08 AnchorDuplicated "Trust anchor stands in the bundle more than once",
    A09 AnchorExpiredUnused "Expired trust anchor that nothing was seen to use",
    I01 IssuerMissing "No identity issuer",
    I02 IssuerKeyMismatch "Issuer's key does not belong to its certificate",
    I03 IssuerExpired "Identity issuer has expired",
    I04 IssuerNotYetValid "Identity issuer is not valid yet",
    I05 IssuerNearEnd "Identity issuer is near its end",
    I06 IssuerUntrusted "Identity issuer chains to no anchor of a loaded bundle",
    I07 IssuerNotCa "Identity issuer may not sign leafs",
    I08 IssuerSameSubject "Identity issuer has the same subject as a trust anchor",
    I09 IssuerOutlivesAnchor "Identity issuer outlives its trust anchor",
    I10 IssuerNotServed "Issuer in the Secret is not what identity signs with",
    I11 IssuerUpdateSkipped "Identity refused an issuer update",
    I12 CertifyRefused "Identity refuses to issue leafs",
    I13 IdentityCrashLoop "Identity does not start",
    I14 IssuerAlgorithm "Identity issuer has a key or signature that Linkerd refuses",
    I15 IntermediateRefused "A certificate above the identity issuer is refused",
    S01 ConfigDisagrees "linkerd-config holds other trust anchors than the mesh uses",
    S02 OverridesDisagree "The next `linkerd upgrade` would bring back other certificates",
    S03 HelmDisagrees "The next `helm upgrade` would bring back other certificates",
    S04 IssuerCaDisagrees "Issuer Secret's ca.crt is not in the trust bundle",
    S05 SourceHidden "A source could not be read",
    S06 ClockSkew "This machine's clock and the API server's differ",
    P01 StaleBundle "Proxies hold an old trust bundle",
    P02 RefusedPairs "Proxies refuse each other",
    P03 LeafOverdue "Leaf certificate is overdue for refresh",
    P04 LeafExpired "Leaf certificate has expired",
    P05 Unmeshed "Pods without a proxy where one is asked for",
    P06 ProxyUnseen "Proxies could not be asked",
    P07 ExternalWorkloads "Workloads outside the cluster trust these anchors",
    P08 LinkedClusters "Linked clusters trust these anchors",
    P09 ProxyWithoutLeaf "Proxies have no certificate or do not run",
    W01 WebhookExpired "Webhook certificate has expired",
    W02 WebhookNearEnd "Webhook certificate is near its end",
    W03 WebhookUntrusted "caBundle does not verify the webhook's certificate",
    W04 WebhookKeyMismatch "Webhook's key does not belong to its certificate",
    W05 WebhookWrongName "Webhook certificate is for another name",
    W06 WebhookNotServed "Webhook serves another certificate than its Secret holds",
    W07 WebhookSecretMissing "Webhook has no certificate",
    W08 ApiServiceUnavailable "APIService is not available",
    W09 WebhookUnanswered "Nothing answers behind the webhook's Service",
    C01 CertificateNotReady "cert-manager Certificate is not ready",
    C02 RenewalOverdue "cert-manager renewal is overdue",
    C03 AnchorScheduleTrap "cert-manager will renew the trust anchor by itself",
    C04 RotationPolicyTrap "cert-manager may keep the trust anchor's key at renewal",
    C05 RenewBeforeTooLong "renewBefore is not shorter than the certificate's duration",
    C06 PreviousAnchorMissing "Trust bundle lacks an anchor that is still in use",
    C07 RenewedUnderUnloadedAnchor "Issuer was renewed under an anchor that identity has not loaded",
    C08 BundleNotSynced "trust-manager Bundle is not synced",
    C09 IssuerNotReady "cert-manager Issuer is not ready",
    O01 ManagedElsewhere "Certificates are managed elsewhere",
    O02 SeveralControlPlanes "More than one control plane",
}

impl From<Code> for String {
    fn from(code: Code) -> Self {
        code.as_str().to_owned()
    }
}

impl TryFrom<String> for Code {
    type Error = UnknownCode;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::ALL.iter().find(|code| code.as_str() == text).copied().ok_or(UnknownCode(text))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_written_once_and_reads_back() {
        let mut written: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        written.dedup();
        assert_eq!(written.len(), Code::ALL.len());
        for code in Code::ALL {
            let json = serde_json::to_string(code).unwrap();
            assert_eq!(json, format!("\"{code}\""));
            assert_eq!(serde_json::from_str::<Code>(&json).unwrap(), *code);
        }
    }
}
