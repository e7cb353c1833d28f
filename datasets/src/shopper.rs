//! What a person does: the clean log of one person, before any pathology.
//!
//! The effects are planted here. Conversion is decided once per person, at the first product view, with the
//! probability of the variant; the whole journey then lies within the conversion window, so the planted probability is
//! the expected conversion and nothing leaks. Searches are Poisson in each visit with the rate of the variant.

use crate::calendar::VISIT_LIMIT_US;
use crate::event::{Action, Event, PATH_COUNT, PRODUCTS, QUERY_COUNT};
use crate::flag::Decision;
use crate::identifier::Identifiers;
use crate::options::Effects;
use crate::person::Person;
use crate::random::{Purpose, Random};
use crate::visit::{VISIT_ITEMS_MAX, Visit, plan};
use crate::world::World;

/// Index of `quick-checkout` among the flags.
pub(crate) const QUICK_CHECKOUT: usize = 0;
/// Index of `smart-search` among the flags.
pub(crate) const SMART_SEARCH: usize = 1;

/// Searches per visit without an effect, by a person of average engagement.
pub(crate) const SEARCHES_PER_VISIT: f64 = 1.3;
/// The logarithm of revenue in EUR is normal with this mean ...
pub(crate) const REVENUE_LOG_MEAN: f64 = 3.6;
/// ... and this standard deviation: the tail is heavy, the largest of 1,000 purchases is some 16 times the median.
pub(crate) const REVENUE_LOG_DEVIATION: f64 = 0.9;

/// The search field is shown, and its flag asked, in this share of visits.
const SEARCH_SHOWN_CHANCE: f64 = 0.9;
/// Chance that an SDK reports a flag again in a later visit.
const REPEATED_CALL_CHANCE: f64 = 0.5;
/// Of all who view a product, this many times the purchasers reach the checkout, and the cart.
const CHECKOUT_PER_PURCHASE: f64 = 1.5;
const CART_PER_PURCHASE: f64 = 2.8;
/// Chance that a cart is left and taken up in the next visit.
const RESUME_CHANCE: f64 = 0.25;
/// A cart is not taken up after a longer break, so that every purchase is well within 14 days of its first step.
const RESUME_LIMIT_US: i64 = 7 * 24 * 3_600_000_000;
/// Chance that a purchaser purchases again in a later visit with product views.
const REPEAT_PURCHASE_CHANCE: f64 = 0.25;

/// Pauses between events: at least a second, so that times in a visit never tie, and capped, so that a visit ends.
const PAUSE_MIN_US: i64 = 1_000_000;
const PAUSE_MEAN_US: f64 = 30_000_000.0;
const PAUSE_MAX_US: i64 = 70_000_000;
/// Most events in one visit: views, searches, 2 page views, 2 flag calls, 2 sign-ins and 2 + 3 steps after a view.
const VISIT_EVENTS_MAX: i64 = 2 * VISIT_ITEMS_MAX as i64 + 11;
const _: () = assert!(VISIT_EVENTS_MAX * PAUSE_MAX_US < VISIT_LIMIT_US);

/// All events of a person in order of time.
pub(crate) fn events(world: &World, person: &Person, identifiers: Identifiers, starts_us: &[i64]) -> Vec<Event> {
    let mut behaviour = Random::new(world.options.seed, person.index, Purpose::Behaviour);
    let visits = plan(person, starts_us, &mut behaviour);
    let mut shopper = Shopper {
        world,
        person,
        journey_visit: journey_visit(&visits, &mut behaviour),
        behaviour,
        identifiers,
        decisions: [None; 2],
        signed_in: [false; 2],
        depth: None,
        left_cart: None,
        events: Vec::new(),
    };
    for (index, visit) in visits.iter().enumerate() {
        let break_us = visits.get(index + 1).map(|next| next.start_us - visit.start_us);
        shopper.visit(index, visit, break_us.is_some_and(|break_us| break_us < RESUME_LIMIT_US));
    }
    shopper.events
}

/// The visit in which the person goes as far down the funnel as they ever will: any one with a product view.
fn journey_visit(visits: &[Visit], random: &mut Random) -> Option<usize> {
    let viewing: Vec<usize> = (0..visits.len()).filter(|&index| visits[index].product_views > 0).collect();
    (!viewing.is_empty()).then(|| random.pick(&viewing))
}

/// How many steps after the product view a person reaches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Depth {
    View,
    Cart,
    Checkout,
    Purchase,
}

/// Probability that a person who viewed a product purchases.
pub(crate) fn conversion(effects: &Effects, decision: Option<Decision>) -> f64 {
    match decision {
        Some(Decision::Variant(1)) => effects.conversion_test,
        _ => effects.conversion_control,
    }
}

/// Relative change of the number of searches.
pub(crate) fn search_lift(effects: &Effects, decision: Option<Decision>) -> f64 {
    match decision {
        Some(Decision::Variant(1)) => effects.suggestions_lift,
        Some(Decision::Variant(2)) => effects.semantic_lift,
        _ => 0.0,
    }
}

struct Shopper<'a> {
    world: &'a World,
    person: &'a Person,
    behaviour: Random,
    identifiers: Identifiers,
    journey_visit: Option<usize>,
    /// Kept from the first exposure on, whatever the distinct id.
    decisions: [Option<Decision>; 2],
    signed_in: [bool; 2],
    depth: Option<Depth>,
    /// The product in a cart that will be taken up in the next visit.
    left_cart: Option<u32>,
    events: Vec<Event>,
}

/// The visit that is going on.
struct Session {
    id: uuid::Uuid,
    device: u8,
    clock_us: i64,
}

impl Shopper<'_> {
    fn visit(&mut self, index: usize, visit: &Visit, can_resume: bool) {
        let id = self.identifiers.next(visit.start_us);
        let mut session = Session { id, device: visit.device, clock_us: visit.start_us };
        self.browse(&mut session);
        if visit.device == 1 && !self.signed_in[1] {
            self.sign_in(&mut session);
        }
        self.search(&mut session);
        if visit.signs_in {
            self.sign_in(&mut session);
        }
        if let Some(product) = self.left_cart.take() {
            self.check_out(&mut session, product);
        }
        if visit.product_views > 0 {
            let product = self.view_products(&mut session, visit.product_views);
            self.go_down_the_funnel(&mut session, index, product, can_resume);
        }
        if self.behaviour.chance(0.4) {
            self.browse(&mut session);
        }
    }

    fn browse(&mut self, session: &mut Session) {
        let path = self.behaviour.below(PATH_COUNT);
        self.record(session, Action::PageView { path });
    }

    fn sign_in(&mut self, session: &mut Session) {
        self.signed_in[usize::from(session.device)] = true;
        self.record(session, Action::Identify);
    }

    fn search(&mut self, session: &mut Session) {
        let shown = self.behaviour.chance(SEARCH_SHOWN_CHANCE);
        if shown {
            self.call_flag(session, SMART_SEARCH);
        }
        let lift = search_lift(&self.world.options.effects, self.decisions[SMART_SEARCH]);
        let mean = SEARCHES_PER_VISIT * self.person.engagement * (1.0 + lift);
        for _ in 0..self.behaviour.poisson(mean).min(VISIT_ITEMS_MAX) {
            let query = self.behaviour.below(QUERY_COUNT);
            self.record(session, Action::Search { query });
        }
    }

    /// Views some products and answers the last.
    fn view_products(&mut self, session: &mut Session, count: u32) -> u32 {
        self.call_flag(session, QUICK_CHECKOUT);
        let mut product = 0;
        for _ in 0..count {
            // The square makes low numbers popular.
            product = (self.behaviour.unit().powi(2) * f64::from(PRODUCTS)) as u32;
            self.record(session, Action::ProductViewed { product });
        }
        product
    }

    fn go_down_the_funnel(&mut self, session: &mut Session, index: usize, product: u32, can_resume: bool) {
        let depth = self.depth();
        if self.journey_visit == Some(index) {
            if depth >= Depth::Cart {
                self.record(session, Action::CartAdded { product });
            }
            if can_resume && self.behaviour.chance(RESUME_CHANCE) {
                self.left_cart = (depth > Depth::Cart).then_some(product);
            } else {
                self.check_out(session, product);
            }
        } else if self.journey_visit < Some(index)
            && depth == Depth::Purchase
            && self.behaviour.chance(REPEAT_PURCHASE_CHANCE)
        {
            self.record(session, Action::CartAdded { product });
            self.check_out(session, product);
        }
    }

    /// The last two steps, as far as this person goes.
    fn check_out(&mut self, session: &mut Session, product: u32) {
        let depth = self.depth();
        if depth >= Depth::Checkout {
            self.record(session, Action::CheckoutStarted { product });
        }
        if depth >= Depth::Purchase {
            let log_revenue = REVENUE_LOG_MEAN + REVENUE_LOG_DEVIATION * self.behaviour.normal();
            let revenue_cents = libm::round(libm::exp(log_revenue) * 100.0) as u32;
            self.record(session, Action::Purchase { product, revenue_cents });
        }
    }

    /// Decided once, when first asked, which is after the flag was.
    fn depth(&mut self) -> Depth {
        if let Some(depth) = self.depth {
            return depth;
        }
        let decision = self.decisions[QUICK_CHECKOUT];
        let purchase = conversion(&self.world.options.effects, decision) * self.person.conversion_factor;
        let draw = self.behaviour.unit();
        let depth = if draw < purchase {
            Depth::Purchase
        } else if draw < purchase * CHECKOUT_PER_PURCHASE {
            Depth::Checkout
        } else if draw < purchase * CART_PER_PURCHASE {
            Depth::Cart
        } else {
            Depth::View
        };
        self.depth = Some(depth);
        depth
    }

    /// Asks a flag: decided by the distinct id of the first time, reported then and in some later visits.
    fn call_flag(&mut self, session: &mut Session, flag: usize) {
        if self.decisions[flag].is_none() {
            let signed_in = self.signed_in[usize::from(session.device)];
            let id = self.person.distinct_id(session.device, signed_in);
            self.decisions[flag] = Some(self.world.flags[flag].decide(&id));
        } else if !self.behaviour.chance(REPEATED_CALL_CHANCE) {
            return;
        }
        self.record(session, Action::FlagCalled { flag: flag as u8 });
    }

    fn record(&mut self, session: &mut Session, action: Action) {
        let signed_in = self.signed_in[usize::from(session.device)];
        // The second device does not know who is there, and so no flag, until the sign-in.
        let knows_flags = session.device == 0 || signed_in;
        let time_us = session.clock_us;
        self.events.push(Event {
            uuid: self.identifiers.next(time_us),
            time_us,
            session: session.id,
            device: session.device,
            signed_in,
            decisions: if knows_flags { self.decisions } else { [None; 2] },
            action,
        });
        let pause_us = (self.behaviour.exponential() * PAUSE_MEAN_US) as i64;
        session.clock_us += (PAUSE_MIN_US + pause_us).min(PAUSE_MAX_US);
    }
}
