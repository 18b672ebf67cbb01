//! Who is admitted, and with which session.

use super::*;

impl Server {
    pub(super) fn decide(&self, request: &Request, plan: &Plan) -> (Admission, Terms, Option<Run>) {
        let decided = self.with(|state| {
            let hello = &request.hello;
            let terms = negotiate(&state.policy, hello);
            if hello.mode == Mode::Spare {
                return (Admission::Spare, terms, None);
            }
            let accepts = Accepts {
                max_payload: hello.max_payload,
                window: hello.window,
            };
            state.count = state.count.wrapping_add(1);
            state.epoch += 1;
            let (epoch, secret) = (state.epoch, Secret::new([state.count; 16]));
            let mut known = None;
            if let (
                ResumeRequest::Proved {
                    received,
                    by,
                    session: name,
                },
                Some(session),
            ) = (&request.resume, &mut state.session)
            {
                assert_eq!(*name, session.name);
                let fits = session.core.may_resume(*received, accepts);
                let forgotten = matches!(plan, Plan::Forget(_)) || session.core.over().is_some();
                if fits.is_ok() && !forgotten {
                    let ticket = session.core.part();
                    session.core.resume(*received, accepts).unwrap();
                    session.secrets.renew(by.clone(), secret.clone());
                    let received = match plan {
                        Plan::Claim(number) => *number,
                        _ => session.core.announce(),
                    };
                    let admission = Admission::Resumed {
                        epoch,
                        secret,
                        received,
                    };
                    let run = (Arc::clone(&session.core), ticket, terms);
                    return (admission, terms, Some(run));
                }
                if *plan != Plan::Forget(false) {
                    known = Some(session.core.numbers().handed_over);
                }
            }
            let config = Config {
                peer: accepts,
                own: Accepts {
                    max_payload: terms.max_payload,
                    window: terms.window,
                },
                ..Config::default()
            };
            let core = Core::new(self.0.clock, Traffic::new(config));
            let name = [state.count; 16];
            let old = state.session.replace(Session {
                name,
                secrets: ResumeSecrets::new(secret.clone()),
                core: Arc::clone(&core),
                accepts,
            });
            if let Some(old) = old {
                assert!(old.accepts.window > 0);
                old.core.part();
                old.core.finish(Cause::Superseded, None, 0);
            }
            let admission = Admission::New {
                epoch,
                session: name,
                secret,
                known,
            };
            let ticket = core.part();
            (admission, terms, Some((core, ticket, terms)))
        });
        self.0.changed.notify_waiters();
        decided
    }
}
