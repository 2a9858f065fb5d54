def test_x(spark, settings):
    import redis
    assert spark.range(10).count()==10
    assert redis.Redis.from_url(settings.redis_url).ping()
