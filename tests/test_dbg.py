import time, random, cProfile, pstats
from tests.communications.test_histories import *
@pytest.mark.django_db
def test_x():
    r=random.Random(int(__import__("os").environ.get("SEED","1")))
    for i in range(int(__import__("os").environ.get("N","8"))):
        t=time.time()
        story=[(r.choice(MOVES), r.randrange(10000)) for _ in range(15)]
        sid=transaction.savepoint()
        teller=Teller()
        try:
            teller.tell([("arrive", 5), ("create", 8), *story, ("weeks", 8), ("weeks", 8)])
            history.check(teller.account)
        except AssertionError as e:
            import traceback
            print("STORY", i, story); print(traceback.format_exc()[-1500:])
            for inv in Invoice.objects.for_account(teller.account): print(inv, inv.status, inv.due_date, inv.last_step, inv.slip_days, inv.next_contact_at, inv.hold_until, inv.escalation_level)
        print("took", round(time.time()-t,2), Communication.objects.count())
        transaction.savepoint_rollback(sid)
    assert 0
@pytest.mark.django_db(transaction=True)
def test_y():
    a=make.account(is_test=True)
    clock.set_clock(a, BEGIN)
    for i in range(200):
        make.invoice(a, due_in=i%60-20, issue_date=dt.date(2025,10,1), debtor_email=f"d{i}@example.com")
    p=cProfile.Profile(); p.enable(); p.disable()
    t=time.time(); leap=clock.set_clock(a, BEGIN+dt.timedelta(days=365)); 
    p.disable()
    print("LEAP", time.time()-t, leap)
    pstats.Stats(p).sort_stats("tottime").print_stats(45)
    assert 0

@pytest.mark.django_db(transaction=True)
def test_z():
    from django.db import connection
    import re, collections
    a=make.account(is_test=True)
    clock.set_clock(a, BEGIN)
    for i in range(80):
        make.invoice(a, due_in=i%60-20, issue_date=dt.date(2025,10,1), debtor_email=f"d{i}@example.com")
    tot=collections.Counter(); n=collections.Counter()
    def wrap(execute, sql, params, many, context):
        t=time.perf_counter()
        try: return execute(sql, params, many, context)
        finally:
            k=re.sub(r"SELECT .*? FROM","SELECT FROM",sql)[:170]
            tot[k]+=time.perf_counter()-t; n[k]+=1
    with connection.execute_wrapper(wrap):
        t=time.time(); leap=clock.set_clock(a, BEGIN+dt.timedelta(days=365))
    print("LEAP", time.time()-t, leap, sum(n.values()), sum(tot.values()))
    for k,v in tot.most_common(24): print(round(v,2),n[k],k)
    assert 0
